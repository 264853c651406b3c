// What was, what is, and what happens: rollback, reading, watching.
#include "controlplane/admin/admin_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controlplane/admin/testing/admin_fixture.h"
#include "controlplane/admin/testing/admin_samples.h"

namespace sluice::admin {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using AdminTest = AdminFixture;

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
