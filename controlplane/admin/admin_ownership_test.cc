// Whose a resource is, and what is hidden of it.
#include "controlplane/admin/admin_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controlplane/admin/testing/admin_fixture.h"
#include "controlplane/admin/testing/admin_samples.h"

namespace sluice::admin {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using AdminTest = AdminFixture;

// Ownership and prune -----------------------------------------------------------------------------

TEST_F(AdminTest, PruneStampsItsLabelAndDeletesOnlyItsOwn) {
  ASSERT_TRUE(Apply(Upstream("foreign", "labels: {repo: other}\n") + Upstream("free")).ok());
  ASSERT_TRUE(Apply(Upstream("a") + Upstream("b"), Prune("repo=orders")).ok());
  EXPECT_EQ(Get("Upstream", "a")->resource().labels().at("repo"), "orders");
  const auto response = Apply(Upstream("a"), Prune("repo=orders"));
  ASSERT_TRUE(response.ok());
  EXPECT_THAT(Actions(*response), ElementsAre("DELETED Upstream/b"));
  EXPECT_THAT(Stored(), ElementsAre("Upstream/a", "Upstream/foreign", "Upstream/free"));
}

TEST_F(AdminTest, PruneRefusesWhatBelongsToSomebodyElseOrToNobody) {
  ASSERT_TRUE(Apply(Upstream("foreign", "labels: {repo: other}\n") + Upstream("free")).ok());
  const auto response = Apply(Upstream("foreign") + Upstream("free"), Prune("repo=orders"));
  EXPECT_EQ(response.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Texts(response.status()),
              ElementsAre(HasSubstr("it belongs to repo=other"), HasSubstr("has no label repo")));
}

TEST_F(AdminTest, AdoptTakesOver) {
  ASSERT_TRUE(Apply(Upstream("foreign", "labels: {repo: other}\n")).ok());
  ASSERT_TRUE(Apply(Upstream("foreign"), Prune("repo=orders", true)).ok());
  EXPECT_EQ(Get("Upstream", "foreign")->resource().labels().at("repo"), "orders");
}

TEST_F(AdminTest, AFileThatSaysAnotherOwnerIsRefused) {
  const auto response = Apply(Upstream("a", "labels: {repo: other}\n"), Prune("repo=orders"));
  EXPECT_EQ(response.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AdminTest, PruningWithoutResourcesNeedsToBeMeant) {
  ASSERT_TRUE(Apply(Upstream("a"), Prune("repo=orders")).ok());
  EXPECT_EQ(Apply("", Prune("repo=orders")).status().code(), absl::StatusCode::kInvalidArgument);
  v1::ApplyRequest::Options options = Prune("repo=orders");
  options.set_allow_empty(true);
  ASSERT_TRUE(Apply("", options).ok());
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(AdminTest, PruneDoesNotDeleteWhatIsReferredTo) {
  ASSERT_TRUE(Apply(Upstream("orders"), Prune("repo=orders")).ok());
  ASSERT_TRUE(Apply("{kind: Route, name: r, paths: [/], upstream: orders}").ok());
  v1::ApplyRequest::Options options = Prune("repo=orders");
  options.set_allow_empty(true);
  EXPECT_EQ(Apply("", options).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AdminTest, PruneWantsOneLabelWithAValue) {
  for (const char* label : {"repo", "repo=", "=x", "a=b,c=d"}) {
    EXPECT_EQ(Apply(Upstream("a"), Prune(label)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << label;
  }
}

// Credentials -------------------------------------------------------------------------------------

TEST_F(AdminTest, CredentialsAreStoredAndShownAsHashesOnly) {
  const auto response = Apply(kAlice, DryRun());
  ASSERT_TRUE(response.ok());
  EXPECT_THAT(response->ShortDebugString(), AllOf(HasSubstr(kAliceHash), Not(HasSubstr("s3cret"))));
  ASSERT_TRUE(Apply(kAlice).ok());
  const auto stored =
      ledger_->state()->resources.Find(resource::Key{resource::Kind::kConsumer, "", "alice"});
  EXPECT_THAT(stored->bytes, AllOf(HasSubstr(kAliceHash), Not(HasSubstr("s3cret"))));
}

TEST_F(AdminTest, ApplyingTheSameCredentialAgainChangesNothing) {
  ASSERT_TRUE(Apply(kAlice).ok());
  EXPECT_THAT(Apply(kAlice)->changes(), IsEmpty());
}

TEST_F(AdminTest, AListedHashIsTakenBack) {
  ASSERT_TRUE(Apply(kAlice).ok());
  const auto response = Apply(absl::StrCat(
      "{kind: Consumer, name: alice, description: x, credentials: {key_auth: [{key: \"", kAliceHash,
      "\"}]}}"));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->changes(0).fields(), ElementsAre("description"));
}

TEST_F(AdminTest, AHashThatIsNotStoredForThisConsumerIsRefused) {
  ASSERT_TRUE(Apply(kAlice).ok());
  const auto response = Apply(absl::StrCat(
      "{kind: Consumer, name: mallory, credentials: {key_auth: [{key: \"", kAliceHash, "\"}]}}"));
  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Texts(response.status()),
              testing::Contains(HasSubstr("credentials.key_auth[0].key: is a hash")));
}

TEST_F(AdminTest, ProblemsShowNoCredentials) {
  const auto response = Apply(
      "{kind: Consumer, name: bob, consumer_group: missing, credentials: {key_auth: [{key: "
      "tops3cret}, {key: tops3cret}]}}");
  ASSERT_FALSE(response.ok());
  EXPECT_THAT(response.status().ToString(), Not(HasSubstr("tops3cret")));
  for (const std::string& text : Texts(response.status())) {
    EXPECT_THAT(text, Not(HasSubstr("tops3cret")));
  }
}

}  // namespace
}  // namespace sluice::admin
