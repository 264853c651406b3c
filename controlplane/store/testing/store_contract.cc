#include "controlplane/store/testing/store_contract.h"

#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "controlplane/store/testing/commit_writer.h"

namespace sluice::store {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Texts = std::map<std::string, std::string>;

Texts Contents(Store& store) {
  const auto content = store.Load();
  EXPECT_TRUE(content.ok()) << content.status();
  return Flat(*content);
}

Head HeadOf(Store& store) { return store.Load()->head; }

std::string Describe(const ResourceChange& change) {
  return absl::StrCat(change.key().name, ": ", change.before ? change.before->bytes : "-", " -> ",
                      change.after ? change.after->bytes : "-");
}

std::vector<std::string> Describe(const std::vector<ResourceChange>& changes) {
  std::vector<std::string> texts;
  for (const ResourceChange& change : changes) texts.push_back(Describe(change));
  return texts;
}

std::vector<uint64_t> Numbers(const std::vector<CommitRecord>& records) {
  std::vector<uint64_t> numbers;
  for (const CommitRecord& record : records) numbers.push_back(record.generation.number);
  return numbers;
}

TEST_P(StoreContract, IsEmptyAtFirst) {
  Make();
  EXPECT_THAT(Contents(store()), IsEmpty());
  const Head head = HeadOf(store());
  EXPECT_EQ(head.generation.store_id.size(), 16u);
  EXPECT_EQ(head.generation.epoch, 1u);
  EXPECT_EQ(head.generation.number, 0u);
}

TEST_P(StoreContract, TwoStoresHaveTwoIdentities) {
  Make();
  const std::string first = HeadOf(store()).generation.store_id;
  Make();
  EXPECT_NE(HeadOf(store()).generation.store_id, first);
}

TEST_P(StoreContract, WhatWasCommittedIsThereAfterReopening) {
  Make();
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Commit({{"a", "1"}, {"b", "1"}}).ok());
  ASSERT_TRUE(writer.Register({{"10.0.0.1:80", 2}}).ok());
  const Head head = HeadOf(store());
  Reopen();
  EXPECT_THAT(Contents(store()), UnorderedElementsAre(Pair("Route/a", "1"), Pair("Route/b", "1"),
                                                      Pair("orders nomad 10.0.0.1:80", "2")));
  EXPECT_EQ(HeadOf(store()), head);
}

TEST_P(StoreContract, ContentComesInOrderWithAllThatWasStored) {
  Make();
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Commit({{"b", std::string("\0\xff", 2)}}).ok());
  ASSERT_TRUE(writer.Commit({{"a", "1"}}).ok());
  ASSERT_TRUE(writer.Register({{"x:1", 1}}).ok());
  const Content content = *store().Load();
  ASSERT_EQ(content.resources.size(), 2u);
  EXPECT_EQ(content.resources[0]->key.name, "a");
  EXPECT_EQ(content.resources[1]->bytes, std::string("\0\xff", 2));
  EXPECT_EQ(content.resources[1]->changed_in, 1u);
  EXPECT_EQ(content.resources[1]->digest,
            resource::Digest(content.resources[1]->key, content.resources[1]->bytes));
  EXPECT_EQ(content.endpoints.at(0)->ttl, absl::Seconds(30));
}

TEST_P(StoreContract, DeletedIsGone) {
  Make();
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Commit({{"a", "1"}, {"b", "1"}}).ok());
  ASSERT_TRUE(writer.Register({{"x:1", 1}}).ok());
  ASSERT_TRUE(writer.Commit({{"a", ""}}).ok());
  ASSERT_TRUE(writer.Register({{"x:1", 0}}).ok());
  Reopen();
  EXPECT_THAT(Contents(store()), ElementsAre(Pair("Route/b", "1")));
}

TEST_P(StoreContract, TicketKeysAreReplacedAndMoveNoConfiguration) {
  Make();
  CommitWriter writer(store());
  EXPECT_EQ(store().Load()->tickets, nullptr);
  ASSERT_TRUE(writer.SetTickets("old").ok());
  ASSERT_TRUE(writer.Commit({{"a", "1"}}).ok());
  ASSERT_TRUE(writer.SetTickets("new").ok());
  Reopen();
  const auto tickets = store().Load()->tickets;
  ASSERT_NE(tickets, nullptr);
  EXPECT_EQ(tickets->bytes, "new");
  EXPECT_EQ(tickets->changed_in, 3u);
  EXPECT_EQ(HeadOf(store()).configuration, 2u);
  EXPECT_EQ(store().History({})->size(), 1u);
  EXPECT_THAT(store().Changes(2, 3)->resources, ElementsAre());
}

TEST_P(StoreContract, CommitsOfTicketKeysAreTrimmedWithThoseOfEndpoints) {
  Make(2);
  CommitWriter writer(store());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(writer.Register({{"x:1", i + 1}}).ok());
    ASSERT_TRUE(writer.SetTickets(absl::StrCat(i)).ok());
  }
  EXPECT_EQ(store().History({0, 0, true})->size(), 2u);
}

TEST_P(StoreContract, OnlyResourceCommitsMoveTheConfiguration) {
  Make();
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Commit({{"a", "1"}}).ok());
  ASSERT_TRUE(writer.Register({{"x:1", 1}}).ok());
  EXPECT_EQ(HeadOf(store()).generation.number, 2u);
  EXPECT_EQ(HeadOf(store()).configuration, 1u);
}

TEST_P(StoreContract, ACommitUponAnotherHeadIsRefusedAndChangesNothing) {
  Make();
  const Head old = HeadOf(store());
  ASSERT_TRUE(CommitWriter(store()).Commit({{"a", "1"}}).ok());
  NewCommit late;
  late.record.generation = old.generation;
  late.record.generation.number = 1;
  late.resources = {{nullptr, MakeResource("b", "1", 1)}};
  EXPECT_EQ(store().Commit(old, late).code(), absl::StatusCode::kAborted);
  EXPECT_THAT(Contents(store()), ElementsAre(Pair("Route/a", "1")));
}

TEST_P(StoreContract, ARaisedEpochStays) {
  Make();
  ASSERT_TRUE(CommitWriter(store()).Commit({{"a", "1"}}).ok());
  ASSERT_TRUE(store().RaiseEpoch(HeadOf(store()), 7).ok());
  Reopen();
  EXPECT_EQ(HeadOf(store()).generation.epoch, 7u);
  EXPECT_EQ(HeadOf(store()).generation.number, 1u);
}

TEST_P(StoreContract, AnEpochIsNotRaisedUponAnotherHead) {
  Make();
  const Head old = HeadOf(store());
  ASSERT_TRUE(CommitWriter(store()).Commit({{"a", "1"}}).ok());
  EXPECT_EQ(store().RaiseEpoch(old, 7).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(HeadOf(store()).generation.epoch, 1u);
}

TEST_P(StoreContract, HistoryTellsWhoWhenFromWhereAndWhy) {
  Make();
  CommitMeta meta{"alice", "10.0.0.9:1234", "more room", Origin::kConfiguration, 3};
  ASSERT_TRUE(CommitWriter(store()).Commit({{"a", "1"}, {"b", "1"}}, meta).ok());
  Reopen();
  const auto records = *store().History({});
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].generation, HeadOf(store()).generation);
  EXPECT_EQ(records[0].time, absl::FromUnixSeconds(1'700'000'001));
  EXPECT_EQ(records[0].meta.author, "alice");
  EXPECT_EQ(records[0].meta.from, "10.0.0.9:1234");
  EXPECT_EQ(records[0].meta.message, "more room");
  EXPECT_EQ(records[0].meta.rollback_of, 3u);
  EXPECT_EQ(records[0].updated, 2u);
}

TEST_P(StoreContract, HistoryComesNewestFirstAndEndpointsOnlyWhenAskedFor) {
  Make();
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Commit({{"a", "1"}}).ok());
  ASSERT_TRUE(writer.Register({{"x:1", 1}}).ok());
  ASSERT_TRUE(writer.Commit({{"a", "2"}}).ok());
  EXPECT_THAT(Numbers(*store().History({})), ElementsAre(3, 1));
  EXPECT_THAT(Numbers(*store().History({0, 0, true})), ElementsAre(3, 2, 1));
  EXPECT_THAT(Numbers(*store().History({1, 0, false})), ElementsAre(3));
  EXPECT_THAT(Numbers(*store().History({0, 1, true})), ElementsAre(3, 2));
}

TEST_P(StoreContract, ChangesHaveBothEndsAndSkipWhatWasBetween) {
  Make();
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Commit({{"a", "1"}, {"b", "1"}}).ok());
  ASSERT_TRUE(writer.Commit({{"a", "2"}, {"b", ""}}).ok());
  ASSERT_TRUE(writer.Commit({{"a", "3"}, {"c", "1"}}).ok());
  EXPECT_THAT(Describe(store().Changes(1, 3)->resources),
              ElementsAre("a: 1 -> 3", "b: 1 -> -", "c: - -> 1"));
  EXPECT_THAT(Describe(store().Changes(1, 2)->resources), ElementsAre("a: 1 -> 2", "b: 1 -> -"));
  EXPECT_THAT(Describe(store().Changes(0, 1)->resources), ElementsAre("a: - -> 1", "b: - -> 1"));
  EXPECT_THAT(store().Changes(3, 3)->resources, IsEmpty());
}

TEST_P(StoreContract, ChangesTellInWhichGenerationEachEndWasWritten) {
  Make();
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Commit({{"a", "1"}}).ok());
  ASSERT_TRUE(writer.Commit({{"b", "1"}}).ok());
  ASSERT_TRUE(writer.Commit({{"a", "2"}}).ok());
  const ResourceChange change = store().Changes(2, 3)->resources.at(0);
  EXPECT_EQ(change.before->changed_in, 1u);
  EXPECT_EQ(change.after->changed_in, 3u);
}

TEST_P(StoreContract, WhatCameAndWentBetweenIsNoChange) {
  Make();
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Commit({{"a", "1"}}).ok());
  ASSERT_TRUE(writer.Commit({{"b", "1"}}).ok());
  ASSERT_TRUE(writer.Commit({{"b", ""}}).ok());
  EXPECT_THAT(store().Changes(1, 3)->resources, IsEmpty());
}

TEST_P(StoreContract, EndpointChangesHaveBothEnds) {
  Make();
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Register({{"x:1", 1}, {"y:1", 1}}).ok());
  ASSERT_TRUE(writer.Register({{"x:1", 5}, {"z:1", 1}}).ok());
  ASSERT_TRUE(writer.Register({{"z:1", 0}, {"y:1", 0}}).ok());
  const auto changes = store().Changes(1, 3)->endpoints;
  ASSERT_TRUE(changes.has_value());
  ASSERT_EQ(changes->size(), 2u);
  EXPECT_EQ(changes->at(0).before->traits.weight, 1u);
  EXPECT_EQ(changes->at(0).after->traits.weight, 5u);
  EXPECT_EQ(changes->at(1).any().address, "y:1");
  EXPECT_EQ(changes->at(1).after, nullptr);
}

TEST_P(StoreContract, WhatElseIsSaidOfAnEndpointIsStoredAndInTheHistory) {
  Make();
  const resource::EndpointTraits plain;
  const resource::EndpointTraits full{2, 3, "eu-1", {{"a", "1"}, {"b", "2"}}};
  const resource::EndpointTraits zoned{.zone = "eu-1"};
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Register("x:1", plain).ok());
  ASSERT_TRUE(writer.Register("x:1", full).ok());
  ASSERT_TRUE(writer.Register("x:1", zoned).ok());
  EXPECT_EQ(store().Load()->endpoints.at(0)->traits, zoned);
  const auto first = store().Changes(1, 2)->endpoints;
  EXPECT_EQ(first->at(0).before->traits, plain);
  EXPECT_EQ(first->at(0).after->traits, full);
  // The same weight is not the same endpoint.
  EXPECT_EQ(store().Changes(1, 3)->endpoints->at(0).after->traits, zoned);
}

TEST_P(StoreContract, AGenerationThatDoesNotExistIsNotFound) {
  Make();
  ASSERT_TRUE(CommitWriter(store()).Commit({{"a", "1"}}).ok());
  EXPECT_EQ(store().Changes(1, 2).status().code(), absl::StatusCode::kNotFound);
}

TEST_P(StoreContract, TheHistoryIsTrimmedToTheNewestCommitsOfEachOrigin) {
  Make(/*history_keep=*/2);
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Register({{"x:1", 1}}).ok());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(writer.Commit({{"a", absl::StrCat(i)}}).ok());
  EXPECT_THAT(Numbers(*store().History({0, 0, true})), ElementsAre(5, 4, 1));
  EXPECT_THAT(Describe(store().Changes(4, 5)->resources), ElementsAre("a: 2 -> 3"));
  EXPECT_EQ(store().Changes(2, 5).status().code(), absl::StatusCode::kNotFound);
}

TEST_P(StoreContract, TrimmingEndpointCommitsLeavesTheResourcesOfThatTime) {
  Make(/*history_keep=*/2);
  CommitWriter writer(store());
  ASSERT_TRUE(writer.Commit({{"a", "1"}}).ok());
  ASSERT_TRUE(writer.Commit({{"a", "2"}}).ok());
  for (uint32_t i = 1; i < 4; ++i) ASSERT_TRUE(writer.Register({{"x:1", i}}).ok());
  const ChangeSet changes = *store().Changes(1, 5);
  EXPECT_THAT(Describe(changes.resources), ElementsAre("a: 1 -> 2"));
  EXPECT_FALSE(changes.endpoints.has_value());
  EXPECT_TRUE(store().Changes(3, 5)->endpoints.has_value());
}

TEST_P(StoreContract, ContentThatCameBackOutlivesTheTrimmingOfItsFirstTime) {
  Make(/*history_keep=*/1);
  CommitWriter writer(store());
  for (const char* bytes : {"first", "second", "first", "third", "first"}) {
    ASSERT_TRUE(writer.Commit({{"a", bytes}}).ok());
  }
  Reopen();
  EXPECT_THAT(Contents(store()), ElementsAre(Pair("Route/a", "first")));
}

// Against a model that remembers every generation whole.
TEST_P(StoreContract, EveryKeptGenerationIsWhatItWas) {
  Make(/*history_keep=*/40);
  CommitWriter writer(store());
  std::mt19937 random(7);
  std::vector<Texts> generations{{}};
  for (int i = 0; i < 60; ++i) {
    Texts next = generations.back();
    Texts writes;
    for (int k = 0; k < 3; ++k) {
      const std::string name(1, static_cast<char>('a' + random() % 6));
      const std::string bytes = random() % 4 == 0 ? "" : absl::StrCat(random() % 3);
      if (bytes.empty() && next.erase(name) == 0) continue;
      if (!bytes.empty()) next[name] = bytes;
      writes[name] = bytes;
    }
    ASSERT_TRUE(writer.Commit(writes).ok());
    generations.push_back(next);
  }
  for (uint64_t from = 20; from <= 60; ++from) {
    for (const uint64_t to : {from, (from + 60) / 2, uint64_t{60}}) {
      const auto changes = store().Changes(from, to);
      ASSERT_TRUE(changes.ok()) << changes.status();
      Texts content = generations[from];
      for (const ResourceChange& change : changes->resources) {
        const std::string& name = change.key().name;
        EXPECT_EQ(content.count(name) != 0 ? content[name] : "",
                  change.before ? change.before->bytes : "");
        content.erase(name);
        if (change.after) content[name] = change.after->bytes;
      }
      EXPECT_EQ(content, generations[to]) << from << " to " << to;
    }
  }
}

std::map<std::string, std::string> NotesOf(Store& store) {
  std::map<std::string, std::string> notes;
  const auto stored = store.ProxyNotes();
  for (const ProxyNote& note : *stored) notes[note.node] = note.bytes;
  return notes;
}

TEST_P(StoreContract, NotesOfProxiesAreThereAfterReopening) {
  Make();
  EXPECT_THAT(NotesOf(store()), IsEmpty());
  ASSERT_TRUE(store().WriteProxyNotes({{"b", std::string("\0\xff", 2)}, {"a", "1"}}).ok());
  Reopen();
  EXPECT_THAT(NotesOf(store()), ElementsAre(Pair("a", "1"), Pair("b", std::string("\0\xff", 2))));
}

TEST_P(StoreContract, ANoteIsReplacedByALaterOneAndRemovedByAnEmptyOne) {
  Make();
  ASSERT_TRUE(store().WriteProxyNotes({{"a", "1"}, {"b", "1"}, {"c", "1"}}).ok());
  ASSERT_TRUE(store().WriteProxyNotes({{"a", "2"}, {"b", ""}, {"d", ""}}).ok());
  EXPECT_THAT(NotesOf(store()), ElementsAre(Pair("a", "2"), Pair("c", "1")));
}

TEST_P(StoreContract, NotesAreOfNoGeneration) {
  Make();
  ASSERT_TRUE(CommitWriter(store()).Commit({{"a", "1"}}).ok());
  const Head head = HeadOf(store());
  ASSERT_TRUE(store().WriteProxyNotes({{"edge-1", "note"}}).ok());
  EXPECT_EQ(HeadOf(store()), head);
  EXPECT_THAT(Contents(store()), ElementsAre(Pair("Route/a", "1")));
}

TEST_P(StoreContract, HistoryIsReadWhileCommitsAreWritten) {
  Make();
  ASSERT_TRUE(CommitWriter(store()).Commit({{"a", "0"}}).ok());
  std::atomic<bool> is_done{false};
  std::thread reader([&] {
    while (!is_done) {
      const uint64_t newest = store().History({})->front().generation.number;
      EXPECT_TRUE(store().Changes(1, newest).ok());
    }
  });
  CommitWriter writer(store());
  for (int i = 1; i <= 20; ++i) EXPECT_TRUE(writer.Commit({{"a", absl::StrCat(i)}}).ok());
  is_done = true;
  reader.join();
}

}  // namespace
}  // namespace sluice::store
