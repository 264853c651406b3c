#include "controlplane/fleet/view/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "controlplane/fleet/testing/desired.h"
#include "controlplane/fleet/testing/replica.h"
#include "sluice/v1/config_stream.pb.h"

namespace sluice::fleet {
namespace {

using resource::Kind;

store::GenerationId Id(uint64_t number) { return {"store", 1, number}; }

class FeedTest : public ::testing::Test {
 protected:
  explicit FeedTest(Feed::Limits limits = {}) : feed_(catalog_, {}, limits) {}

  void Commit(std::vector<store::ResourceChange> resources) {
    const Catalog::Touched touched = catalog_.Apply(resources, {});
    feed_.Follow(touched);
    catalog_.Sweep(touched);
    ++number_;
  }

  Generation Newest() const { return {Id(number_), feed_.view().hash()}; }

  std::shared_ptr<const Update> UpdateFrom(const std::optional<Generation>& held) {
    return feed_.UpdateTo(Id(number_), absl::UnixEpoch(), held);
  }

  v1::Resource Described(const std::string& name, const std::string& description) {
    v1::Resource route = RouteTo("u", name);
    route.set_description(description);
    return route;
  }

  Desired desired_;
  Catalog catalog_;
  Feed feed_;
  uint64_t number_ = 0;
};

TEST_F(FeedTest, AFullUpdateBringsEverythingWithTheStoredBytes) {
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "r"))});
  Replica replica;
  replica.Apply(*UpdateFrom(std::nullopt));
  EXPECT_EQ(replica.generation(), Newest());
  EXPECT_EQ(replica.Hash(), feed_.view().hash());
  EXPECT_EQ(replica.resources().at(KeyOf(Kind::kRoute, "r")),
            desired_.resources.at(KeyOf(Kind::kRoute, "r"))->bytes);
}

TEST_F(FeedTest, AnUpdateOfOneRouteHoldsThatRouteOnly) {
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "a")),
          desired_.Put(RouteTo("u", "b"))});
  Replica replica;
  replica.Apply(*UpdateFrom(std::nullopt));
  Commit({desired_.Put(Described("a", "changed"))});
  EXPECT_EQ(replica.Apply(*UpdateFrom(replica.generation())), 1u);
  EXPECT_EQ(replica.Hash(), feed_.view().hash());
}

TEST_F(FeedTest, WhoSkippedGenerationsGetsOneMergedUpdate) {
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "a"))});
  Replica replica;
  replica.Apply(*UpdateFrom(std::nullopt));
  Commit({desired_.Put(Described("a", "1"))});
  Commit({desired_.Put(RouteTo("u", "came-and-went"))});
  Commit({desired_.Put(Described("a", "2"))});
  Commit({desired_.Delete(KeyOf(Kind::kRoute, "came-and-went"))});
  EXPECT_EQ(replica.Apply(*UpdateFrom(replica.generation())), 1u);
  EXPECT_EQ(replica.Hash(), feed_.view().hash());
}

TEST_F(FeedTest, ContentThatIsTheSameNeedsTheNumberOnly) {
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "a"))});
  const Generation held = Newest();
  Commit({desired_.Put(Upstream("unused"))});
  const std::shared_ptr<const Update> update = UpdateFrom(held);
  EXPECT_TRUE(update->step.from.has_value());
  EXPECT_EQ(update->entries->bytes, 0u);
  EXPECT_EQ(update->messages.size(), 1u);
}

TEST_F(FeedTest, UnknownContentGetsEverything) {
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "a"))});
  EXPECT_FALSE(UpdateFrom(Generation{Id(1), "some other content"})->step.from.has_value());
}

TEST_F(FeedTest, TheSameStepIsEncodedOnce) {
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "a"))});
  const Generation held = Newest();
  Commit({desired_.Put(Described("a", "1"))});
  const std::shared_ptr<const Update> first = UpdateFrom(held);
  EXPECT_EQ(UpdateFrom(held), first);
  const std::shared_ptr<const Update> full = UpdateFrom(std::nullopt);
  EXPECT_EQ(UpdateFrom(std::nullopt), full);
  EXPECT_NE(full, first);
}

// Proxies that hold the same content under different numbers share the entries at least.
TEST_F(FeedTest, TheSameContentIsEncodedOnceForAllNumbers) {
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "a"))});
  const Generation older = Newest();
  Commit({desired_.Put(Upstream("unused"))});
  const Generation newer = Newest();
  Commit({desired_.Put(Described("a", "1"))});
  EXPECT_EQ(UpdateFrom(older)->entries, UpdateFrom(newer)->entries);
}

TEST_F(FeedTest, LargeUpdatesAreCutAndEntriesGoOverFromPartToPart) {
  Commit({desired_.Put(Upstream("u")), desired_.Put(Described("a", std::string(200'000, 'a'))),
          desired_.Put(Described("b", std::string(400'000, 'b')))});
  const std::shared_ptr<const Update> update = UpdateFrom(std::nullopt);
  EXPECT_EQ(update->messages.size(), 3u);
  for (const grpc::ByteBuffer& message : update->messages) {
    EXPECT_LE(message.Length(), kPartBytes + 256);
  }
  Replica replica;
  replica.Apply(*update);
  EXPECT_EQ(replica.Hash(), feed_.view().hash());
}

TEST_F(FeedTest, AnUpdateSaysWhichSchemaReadsIt) {
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "a"))});
  v1::ControlMessage message;
  ASSERT_TRUE(Parse(UpdateFrom(std::nullopt)->messages[0], &message));
  EXPECT_EQ(message.update().schema(), 1u);
}

class ShortFeedTest : public FeedTest {
 protected:
  ShortFeedTest() : FeedTest(Feed::Limits{.changes = 2}) {}
};

TEST_F(ShortFeedTest, WhoIsFurtherBehindThanIsRememberedGetsEverything) {
  Commit({desired_.Put(Upstream("u")), desired_.Put(RouteTo("u", "a"))});
  const Generation first = Newest();
  Commit({desired_.Put(Described("a", "1"))});
  const Generation second = Newest();
  Commit({desired_.Put(Described("a", "2"))});
  EXPECT_TRUE(UpdateFrom(first)->step.from.has_value());
  Commit({desired_.Put(Described("a", "3"))});
  EXPECT_FALSE(UpdateFrom(first)->step.from.has_value());
  EXPECT_TRUE(UpdateFrom(second)->step.from.has_value());
}

}  // namespace
}  // namespace sluice::fleet
