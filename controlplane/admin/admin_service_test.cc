#include "controlplane/admin/admin_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "controlplane/admin/refusal.h"
#include "controlplane/admin/testing/admin_fixture.h"

namespace sluice::admin {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kOrders[] = R"(
kind: Upstream
name: orders
endpoints: [{address: "10.0.0.1:8080"}]
---
kind: Route
name: orders
paths: [/orders]
upstream: orders
)";

constexpr char kAlice[] = R"(
kind: Consumer
name: alice
credentials: {key_auth: [{key: s3cret}]}
)";

// SHA-256 of "s3cret".
constexpr char kAliceHash[] =
    "sha256:1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0";

std::string Upstream(const std::string& name, const std::string& more = "") {
  return absl::StrCat("kind: Upstream\nname: ", name, "\n", more, "---\n");
}

std::vector<std::string> Texts(const absl::Status& status) {
  std::vector<std::string> texts;
  for (const resource::Problem& problem : ProblemsOf(status)) {
    texts.push_back(resource::ToString(problem));
  }
  return texts;
}

std::vector<std::string> Actions(const v1::ApplyResponse& response) {
  std::vector<std::string> actions;
  for (const v1::Change& change : response.changes()) {
    actions.push_back(absl::StrCat(v1::Change::Action_Name(change.action()), " ",
                                   change.key().kind(), "/", change.key().name()));
  }
  return actions;
}

v1::ApplyRequest::Options DryRun() {
  v1::ApplyRequest::Options options;
  options.set_dry_run(true);
  return options;
}

v1::ApplyRequest::Options Expect(uint64_t generation) {
  v1::ApplyRequest::Options options;
  options.set_expect(generation);
  return options;
}

v1::ApplyRequest::Options Prune(const std::string& label, bool adopts = false) {
  v1::ApplyRequest::Options options;
  options.set_prune(label);
  options.set_adopt(adopts);
  return options;
}

using AdminTest = AdminFixture;

// Apply -------------------------------------------------------------------------------------------

TEST_F(AdminTest, ApplyCommitsAllResourcesAsOneGenerationAndSaysWhatItDid) {
  const auto response = Apply(kOrders);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->generation(), 1u);
  EXPECT_THAT(Actions(*response), ElementsAre("CREATED Route/orders", "CREATED Upstream/orders"));
  EXPECT_THAT(Stored(), ElementsAre("Route/orders", "Upstream/orders"));
}

TEST_F(AdminTest, ApplyReplacesWholeResourcesAndNamesTheFieldsThatDiffer) {
  ASSERT_TRUE(Apply(Upstream("a", "connect_timeout: 2s\npolicy: random\n")).ok());
  const auto response = Apply(Upstream("a", "connect_timeout: 3s\n"));
  ASSERT_TRUE(response.ok());
  ASSERT_THAT(response->changes(), SizeIs(1));
  EXPECT_THAT(response->changes(0).fields(), ElementsAre("policy", "connect_timeout"));
  EXPECT_EQ(Get("Upstream", "a")->resource().upstream().policy(), 0);
}

TEST_F(AdminTest, ApplyingWhatIsThereMakesNoGeneration) {
  ASSERT_TRUE(Apply(kOrders).ok());
  const auto again = Apply(kOrders);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->generation(), 1u);
  EXPECT_THAT(again->changes(), IsEmpty());
  EXPECT_EQ(generation(), 1u);
}

TEST_F(AdminTest, OneBadResourceRefusesTheWholeCallWithEveryProblemInItsPlace) {
  const auto response = Apply(R"(kind: Upstream
name: a
connect_timeout: 2h
---
kind: Upstream
name: b
endpoints: [{address: "nonsense"}]
---
kind: Upstream
name: good
)");
  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Texts(response.status()),
              ElementsAre(AllOf(HasSubstr("test.yaml:3: Upstream \"a\": connect_timeout:")),
                          AllOf(HasSubstr("test.yaml:7: Upstream \"b\": endpoints[0].address:"))));
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(AdminTest, AReferenceToNothingIsRefused) {
  const auto response = Apply("{kind: Route, name: r, paths: [/], upstream: missing}");
  EXPECT_EQ(response.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Texts(response.status()), ElementsAre(HasSubstr("missing")));
}

TEST_F(AdminTest, AResourceThatIsGivenTwiceIsRefused) {
  const auto response = Apply(Upstream("a") + Upstream("a"));
  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Texts(response.status()), ElementsAre(HasSubstr("first at test.yaml:1")));
}

TEST_F(AdminTest, ACallThatEndsBeforeItsLastMessageDoesNothing) {
  ApplyCall call;
  v1::ApplyRequest request;
  request.mutable_options()->set_prune("repo=orders");
  ASSERT_TRUE(call.Add(request).ok());
  EXPECT_EQ(admin_->Apply(std::move(call), "x").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AdminTest, OptionsStandInTheFirstMessageAndOnlyThere) {
  ApplyCall without;
  EXPECT_FALSE(without.Add(v1::ApplyRequest()).ok());
  ApplyCall twice;
  v1::ApplyRequest request;
  request.mutable_options();
  ASSERT_TRUE(twice.Add(request).ok());
  EXPECT_FALSE(twice.Add(request).ok());
}

TEST_F(AdminTest, ADryRunShowsBothSidesAndCommitsNothing) {
  ASSERT_TRUE(Apply(Upstream("a", "connect_timeout: 2s\n")).ok());
  const auto response = Apply(Upstream("a", "connect_timeout: 3s\n"), DryRun());
  ASSERT_TRUE(response.ok());
  EXPECT_TRUE(response->dry_run());
  EXPECT_EQ(response->generation(), 1u);
  EXPECT_EQ(response->changes(0).before().upstream().connect_timeout().seconds(), 2);
  EXPECT_EQ(response->changes(0).after().upstream().connect_timeout().seconds(), 3);
  EXPECT_EQ(generation(), 1u);
}

TEST_F(AdminTest, ADryRunIsRefusedForWhatApplyIsRefusedFor) {
  EXPECT_EQ(Apply(Upstream("a", "connect_timeout: 2h\n"), DryRun()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AdminTest, WhatTheDiskCannotTakeChangesNothing) {
  disk_->SetFull(true);
  EXPECT_EQ(Apply(kOrders).status().code(), absl::StatusCode::kResourceExhausted);
  disk_->SetFull(false);
  EXPECT_THAT(Stored(), IsEmpty());
  // Had validation taken the upstream in, this would pass.
  EXPECT_FALSE(Apply("{kind: Route, name: r, paths: [/], upstream: orders}").ok());
  EXPECT_TRUE(Apply(kOrders).ok());
}

TEST_F(AdminTest, HistoryTellsWhoFromWhereAndWhy) {
  v1::ApplyRequest::Options options;
  options.set_message("more room");
  options.set_author("alice");
  ASSERT_TRUE(Apply(kOrders, options).ok());
  ASSERT_TRUE(Apply(Upstream("a")).ok());
  const auto history = *admin_->History({});
  ASSERT_THAT(history, SizeIs(2));
  EXPECT_EQ(history[0].author(), "10.0.0.9:4711") << "the caller, where nobody is named";
  EXPECT_EQ(history[1].author(), "alice");
  EXPECT_EQ(history[1].from(), "10.0.0.9:4711");
  EXPECT_EQ(history[1].message(), "more room");
  EXPECT_EQ(history[1].created(), 2u);
}

TEST_F(AdminTest, AMessageThatIsTooLongOrNotPrintableIsRefused) {
  v1::ApplyRequest::Options options;
  options.set_message(std::string(1025, 'x'));
  options.set_author("\x1b[2J");
  EXPECT_THAT(Texts(Apply(kOrders, options).status()),
              ElementsAre(HasSubstr("author: has control characters"),
                          HasSubstr("message: has 1025 bytes")));
}

// Older problems ----------------------------------------------------------------------------------

// Stores what validation would refuse, as an earlier build with fewer rules has done.
void StoreUnchecked(store::Ledger& ledger, const std::string& yaml) {
  std::vector<store::ResourceWrite> writes;
  for (const auto& sourced : resource::ReadYaml(yaml).resources) {
    writes.push_back({resource::KeyOf(sourced.resource), resource::Serialise(sourced.resource)});
  }
  ASSERT_TRUE(ledger.Commit(std::move(writes), {}, ledger.state()->head.configuration).ok());
}

TEST_F(AdminTest, ProblemsThatWereThereBeforeDoNotRefuseOtherChanges) {
  StoreUnchecked(*ledger_, Upstream("old", "connect_timeout: 2h\n"));
  StoreUnchecked(*ledger_, "{kind: Route, name: old, paths: [/old], upstream: missing}");
  Open();
  const auto response = Apply(kOrders);
  EXPECT_TRUE(response.ok()) << response.status();
}

TEST_F(AdminTest, AnOldProblemOfAChangedResourceIsAWarning) {
  StoreUnchecked(*ledger_, Upstream("old", "connect_timeout: 2h\n"));
  Open();
  const auto response = Apply(Upstream("old", "connect_timeout: 2h\npolicy: random\n"));
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_THAT(response->problems(), SizeIs(1));
  EXPECT_EQ(response->problems(0).severity(), v1::Problem::SEVERITY_WARNING);
  EXPECT_EQ(response->problems(0).field(), "connect_timeout");
}

// Deletions ---------------------------------------------------------------------------------------

TEST_F(AdminTest, WhatIsReferredToIsNotDeletedAndTheReferrerIsNamed) {
  ASSERT_TRUE(Apply(kOrders).ok());
  const auto response = Delete("Upstream", "orders");
  EXPECT_EQ(response.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Texts(response.status()), ElementsAre(HasSubstr("orders")));
  EXPECT_EQ(generation(), 1u);
}

TEST_F(AdminTest, AResourceAndItsReferrerCanBeDeletedTogether) {
  ASSERT_TRUE(Apply(kOrders).ok());
  v1::DeleteRequest request;
  for (const char* kind : {"Upstream", "Route"}) {
    request.add_keys()->set_kind(kind);
    request.mutable_keys()->rbegin()->set_name("orders");
  }
  const auto response = admin_->Delete(request, "x");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(Actions(*response), ElementsAre("DELETED Route/orders", "DELETED Upstream/orders"));
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(AdminTest, DeletingWhatIsNotThereIsNotFound) {
  EXPECT_EQ(Delete("Upstream", "missing").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(AdminTest, AKindThatDoesNotExistGetsASuggestion) {
  const auto response = Delete("Upstram", "a");
  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Texts(response.status()), ElementsAre(HasSubstr("Upstream")));
}

TEST_F(AdminTest, WhatIsAppliedCannotBeDeletedInTheSameCall) {
  v1::ApplyRequest::Options options;
  options.add_deletions()->set_kind("Upstream");
  options.mutable_deletions(0)->set_name("a");
  EXPECT_EQ(Apply(Upstream("a"), options).status().code(), absl::StatusCode::kInvalidArgument);
}

// Expect ------------------------------------------------------------------------------------------

TEST_F(AdminTest, ExpectRefusesWhatSomebodyElseHasChangedSince) {
  ASSERT_TRUE(Apply(Upstream("a")).ok());
  ASSERT_TRUE(Apply(Upstream("a", "policy: random\n")).ok());
  const auto response = Apply(Upstream("a", "policy: ewma\n"), Expect(1));
  EXPECT_EQ(response.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(Texts(response.status()), ElementsAre(HasSubstr("changed since generation 1")));
  EXPECT_TRUE(Apply(Upstream("a", "policy: ewma\n"), Expect(2)).ok());
}

TEST_F(AdminTest, ExpectLooksOnlyAtWhatTheCallTouches) {
  ASSERT_TRUE(Apply(Upstream("a")).ok());
  ASSERT_TRUE(Apply(Upstream("b")).ok());
  EXPECT_TRUE(Apply(Upstream("a", "policy: random\n"), Expect(1)).ok());
}

TEST_F(AdminTest, ExpectRefusesToBringBackWhatSomebodyElseHasDeleted) {
  ASSERT_TRUE(Apply(Upstream("a")).ok());
  ASSERT_TRUE(Delete("Upstream", "a").ok());
  EXPECT_EQ(Apply(Upstream("a"), Expect(1)).status().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(Apply(Upstream("a"), Expect(2)).ok());
}

TEST_F(AdminTest, ExpectingAGenerationThatDoesNotExistIsRefused) {
  EXPECT_EQ(Apply(Upstream("a"), Expect(7)).status().code(), absl::StatusCode::kAborted);
}

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

// Version skew ------------------------------------------------------------------------------------

TEST_F(AdminTest, WhatAConnectedProxyCannotReadIsRefusedUnlessItIsAllowed) {
  Open([](absl::Span<const PlannedChange> changes) {
    std::vector<resource::Problem> problems;
    for (const PlannedChange& change : changes) {
      problems.push_back(
          {"Upstream", change.key.name, "policy", "edge-7 (0.0.9) cannot read it", "", "", 0});
    }
    return problems;
  });
  const auto response = Apply(Upstream("a"));
  EXPECT_EQ(response.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Texts(response.status()), ElementsAre(HasSubstr("edge-7")));
  v1::ApplyRequest::Options options;
  options.set_allow_skew(true);
  EXPECT_TRUE(Apply(Upstream("a"), options).ok());
}

// Rollback ----------------------------------------------------------------------------------------

v1::RollbackRequest To(uint64_t generation) {
  v1::RollbackRequest request;
  request.set_generation(generation);
  return request;
}

TEST_F(AdminTest, ARollbackCommitsOldContentAnew) {
  ASSERT_TRUE(Apply(kOrders).ok());
  ASSERT_TRUE(Apply(Upstream("orders", "policy: random\n") + Upstream("later")).ok());
  const auto response = admin_->Rollback(To(1), "x");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->generation(), 3u);
  EXPECT_THAT(Actions(*response), ElementsAre("DELETED Upstream/later", "UPDATED Upstream/orders"));
  EXPECT_THAT(Stored(), ElementsAre("Route/orders", "Upstream/orders"));
  EXPECT_EQ(admin_->History({})->front().rollback_of(), 1u);
}

TEST_F(AdminTest, ARollbackToWhatIsThereMakesNoGeneration) {
  ASSERT_TRUE(Apply(kOrders).ok());
  EXPECT_EQ(admin_->Rollback(To(1), "x")->generation(), 1u);
}

TEST_F(AdminTest, ARollbackOfNamedResourcesLeavesTheOthers) {
  ASSERT_TRUE(Apply(Upstream("a") + Upstream("b")).ok());
  ASSERT_TRUE(Apply(Upstream("a", "policy: random\n") + Upstream("b", "policy: random\n")).ok());
  v1::RollbackRequest request = To(1);
  request.add_keys()->set_kind("upstreams");
  request.mutable_keys(0)->set_name("a");
  EXPECT_THAT(Actions(*admin_->Rollback(request, "x")), ElementsAre("UPDATED Upstream/a"));
  request.mutable_keys(0)->set_name("missing");
  EXPECT_EQ(admin_->Rollback(request, "x").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(AdminTest, ARollbackSelectsByTheLabelsOfEitherGeneration) {
  ASSERT_TRUE(Apply(Upstream("had", "labels: {t: x}\n") + Upstream("never")).ok());
  ASSERT_TRUE(Apply(Upstream("had", "policy: random\n") + Upstream("has", "labels: {t: x}\n") +
                    Upstream("never", "policy: random\n"))
                  .ok());
  v1::RollbackRequest request = To(1);
  request.add_labels("t=x");
  EXPECT_THAT(Actions(*admin_->Rollback(request, "x")),
              ElementsAre("UPDATED Upstream/had", "DELETED Upstream/has"));
}

TEST_F(AdminTest, ARollbackIsCheckedLikeAnyChange) {
  ASSERT_TRUE(Apply(Upstream("a")).ok());
  ASSERT_TRUE(Apply(kOrders).ok());
  v1::RollbackRequest request = To(1);
  request.add_keys()->set_kind("Upstream");
  request.mutable_keys(0)->set_name("orders");
  EXPECT_EQ(admin_->Rollback(request, "x").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AdminTest, ARollbackToAnUnknownGenerationIsNotFound) {
  EXPECT_EQ(admin_->Rollback(To(9), "x").status().code(), absl::StatusCode::kNotFound);
}

// Reading -----------------------------------------------------------------------------------------

std::vector<std::string> Names(AdminService& admin, const v1::ListRequest& request) {
  std::vector<std::string> names;
  auto stream = admin.List(request);
  EXPECT_TRUE(stream.ok()) << stream.status();
  v1::ListResponse part;
  while ((*stream)(part)) {
    for (const v1::Resource& resource : part.resources()) names.push_back(resource.name());
  }
  return names;
}

TEST_F(AdminTest, GetReadsThePresentAndThePast) {
  ASSERT_TRUE(Apply(Upstream("a", "policy: random\n")).ok());
  ASSERT_TRUE(Apply(Upstream("b")).ok());
  ASSERT_TRUE(Delete("Upstream", "a").ok());
  EXPECT_EQ(Get("Upstream", "a").status().code(), absl::StatusCode::kNotFound);
  const auto past = Get("upstream", "a", 2);
  ASSERT_TRUE(past.ok()) << past.status();
  EXPECT_EQ(past->resource().upstream().policy(), v1::Upstream::POLICY_RANDOM);
  EXPECT_EQ(past->generation(), 2u);
  EXPECT_EQ(past->changed_in(), 1u);
}

TEST_F(AdminTest, ListSelectsByKindLabelsAndGeneration) {
  ASSERT_TRUE(Apply(kOrders).ok());
  ASSERT_TRUE(Apply(Upstream("a", "labels: {t: x}\n") + Upstream("b", "labels: {t: y}\n")).ok());
  v1::ListRequest request;
  EXPECT_THAT(Names(*admin_, request), ElementsAre("orders", "a", "b", "orders"));
  request.set_kind("upstreams");
  EXPECT_THAT(Names(*admin_, request), ElementsAre("a", "b", "orders"));
  request.add_labels("t");
  EXPECT_THAT(Names(*admin_, request), ElementsAre("a", "b"));
  request.add_labels("t=y");
  EXPECT_THAT(Names(*admin_, request), ElementsAre("b"));
  request.set_generation(1);
  EXPECT_THAT(Names(*admin_, request), IsEmpty());
}

TEST_F(AdminTest, ALargeListingComesInParts) {
  std::string yaml;
  for (int i = 0; i < 400; ++i) {
    yaml += Upstream(absl::StrCat("u", i), "description: " + std::string(2000, 'x') + "\n");
  }
  ASSERT_TRUE(Apply(yaml).ok());
  auto stream = *admin_->List({});
  v1::ListResponse part;
  int parts = 0;
  int resources = 0;
  while (stream(part)) {
    ++parts;
    resources += part.resources_size();
    EXPECT_LT(part.ByteSizeLong(), size_t{300} << 10);
    EXPECT_EQ(part.generation(), 1u);
  }
  EXPECT_EQ(resources, 400);
  EXPECT_GT(parts, 2);
}

std::vector<std::string> Diff(AdminService& admin, uint64_t from, uint64_t to) {
  v1::DiffRequest request;
  request.set_from(from);
  request.set_to(to);
  auto stream = admin.Diff(request);
  EXPECT_TRUE(stream.ok()) << stream.status();
  std::vector<std::string> changes;
  v1::Change change;
  while ((*stream)(change)) {
    changes.push_back(
        absl::StrCat(v1::Change::Action_Name(change.action()), " ", change.key().name()));
  }
  return changes;
}

TEST_F(AdminTest, DiffTellsWhatLiesBetweenTwoGenerationsInEitherDirection) {
  ASSERT_TRUE(Apply(Upstream("a") + Upstream("b")).ok());
  ASSERT_TRUE(Apply(Upstream("a", "policy: random\n") + Upstream("c")).ok());
  ASSERT_TRUE(Delete("Upstream", "b").ok());
  EXPECT_THAT(Diff(*admin_, 1, 0), ElementsAre("UPDATED a", "DELETED b", "CREATED c"));
  EXPECT_THAT(Diff(*admin_, 3, 1), ElementsAre("UPDATED a", "CREATED b", "DELETED c"));
  EXPECT_THAT(Diff(*admin_, 0, 1), ElementsAre("CREATED a", "CREATED b"));
  EXPECT_THAT(Diff(*admin_, 2, 2), IsEmpty());
}

TEST_F(AdminTest, ARestartKeepsEverythingAndStillKnowsTheReferences) {
  ASSERT_TRUE(Apply(kOrders).ok());
  Open();
  EXPECT_THAT(Stored(), ElementsAre("Route/orders", "Upstream/orders"));
  EXPECT_FALSE(Delete("Upstream", "orders").ok());
  EXPECT_EQ(admin_->GetVersion().generation(), 1u);
}

// Watch -------------------------------------------------------------------------------------------

// Waits for as many events as a test expects.
class Watcher {
 public:
  Watcher(AdminService& admin, uint64_t after) {
    v1::WatchRequest request;
    request.set_after(after);
    watch_ = *admin.watches().Open(request, [this] {
      MutexLock lock(mu_);
      is_new_ = true;
      changed_.Signal();
    });
  }

  std::vector<std::string> Wait(size_t count) {
    std::vector<std::string> events;
    v1::Event event;
    while (events.size() < count) {
      if (*watch_->Next(event)) {
        events.push_back(event.has_commit() ? absl::StrCat("commit ", event.commit().generation())
                                            : "proxy " + event.proxy().node());
        continue;
      }
      MutexLock lock(mu_);
      while (!is_new_) changed_.Wait(mu_);
      is_new_ = false;
    }
    return events;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool is_new_ ABSL_GUARDED_BY(mu_) = false;
  std::unique_ptr<WatchHub::Watch> watch_;
};

TEST_F(AdminTest, AWatchSeesCommitsAndProxyEventsAsTheyHappen) {
  ASSERT_TRUE(Apply(Upstream("a")).ok());
  Watcher watcher(*admin_, 0);
  ASSERT_TRUE(Apply(Upstream("b")).ok());
  EXPECT_THAT(watcher.Wait(1), ElementsAre("commit 2"));
  v1::ProxyEvent event;
  event.set_node("edge-7");
  admin_->watches().OnProxyEvent(event);
  EXPECT_THAT(watcher.Wait(1), ElementsAre("proxy edge-7"));
}

TEST_F(AdminTest, AWatchBeginsWithTheCommitsAfterTheOneThatIsNamed) {
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(Apply(Upstream(name)).ok());
  Watcher watcher(*admin_, 1);
  ASSERT_TRUE(Apply(Upstream("d")).ok());
  EXPECT_THAT(watcher.Wait(3), ElementsAre("commit 2", "commit 3", "commit 4"));
}

TEST_F(AdminTest, AWatchThatIsNotReadEndsRatherThanGrow) {
  const auto watch = *admin_->watches().Open({}, [] {});
  for (int i = 0; i < 20'000; ++i) admin_->watches().OnProxyEvent({});
  v1::Event event;
  absl::StatusOr<bool> next = true;
  while (next.ok() && *next) next = watch->Next(event);
  EXPECT_EQ(next.status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace sluice::admin
