// Apply, delete, expect.
#include "controlplane/admin/admin_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/resource/digest.h"
#include "controlplane/admin/testing/admin_fixture.h"
#include "controlplane/admin/testing/admin_samples.h"

namespace sluice::admin {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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

}  // namespace
}  // namespace sluice::admin
