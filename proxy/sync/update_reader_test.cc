#include "proxy/sync/update_reader.h"

#include <gmock/gmock.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "api/resource/digest.h"
#include "sluice/v1/config_stream.pb.h"

namespace sluice::sync {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string Delimited(const v1::UpdateEntry& entry) {
  std::ostringstream out;
  google::protobuf::util::SerializeDelimitedToOstream(entry, &out);
  return out.str();
}

std::string UpsertEntry(const std::string& kind, const std::string& name,
                        const std::string& bytes) {
  v1::UpdateEntry entry;
  entry.mutable_upsert()->mutable_key()->set_kind(kind);
  entry.mutable_upsert()->mutable_key()->set_name(name);
  entry.mutable_upsert()->set_resource(bytes);
  return Delimited(entry);
}

std::string RemoveEntry(const std::string& kind, const std::string& name) {
  v1::UpdateEntry entry;
  entry.mutable_remove()->set_kind(kind);
  entry.mutable_remove()->set_name(name);
  return Delimited(entry);
}

v1::RegisteredEndpoint Endpoint(const std::string& address) {
  v1::RegisteredEndpoint endpoint;
  endpoint.set_upstream("up");
  endpoint.set_owner("owner");
  endpoint.set_address(address);
  return endpoint;
}

TEST(UpdateReaderTest, EntriesOfEachKindAreReadHoweverTheStreamIsCut) {
  v1::UpdateEntry registered;
  *registered.mutable_upsert_endpoint() = Endpoint("10.0.0.1:80");
  registered.mutable_upsert_endpoint()->set_weight(0);
  v1::UpdateEntry withdrawn;
  *withdrawn.mutable_remove_endpoint() = Endpoint("10.0.0.2:80");
  const std::string stream = UpsertEntry("Route", "a", std::string(300, 'x')) +
                             RemoveEntry("Upstream", "b") + Delimited(registered) +
                             Delimited(withdrawn);
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    UpdateReader reader;
    ViewChange change;
    ASSERT_TRUE(reader.Append(stream.substr(0, cut), change).ok()) << cut;
    ASSERT_TRUE(reader.Append(stream.substr(cut), change).ok()) << cut;
    ASSERT_TRUE(reader.Finish().ok()) << cut;
    ASSERT_THAT(change.upserts, SizeIs(1)) << cut;
    const ViewChange::Upsert& upsert = change.upserts[0];
    ASSERT_EQ(upsert.key, (resource::Key{resource::Kind::kRoute, "", "a"}));
    ASSERT_EQ(upsert.bytes, std::string(300, 'x'));
    ASSERT_EQ(upsert.digest, resource::Digest(upsert.key, upsert.bytes));
    ASSERT_THAT(change.removals, SizeIs(1));
    ASSERT_EQ(change.removals[0], (resource::Key{resource::Kind::kUpstream, "", "b"}));
    ASSERT_THAT(change.endpoint_upserts, SizeIs(1));
    ASSERT_EQ(change.endpoint_upserts[0].traits.weight, 0);
    ASSERT_THAT(change.endpoint_removals, SizeIs(1));
    ASSERT_EQ(change.endpoint_removals[0].address, "10.0.0.2:80");
  }
}

v1::UpdateEntry TicketEntry(const std::string& listener, const std::string& keys) {
  v1::UpdateEntry entry;
  entry.mutable_upsert_ticket_keys()->set_listener(listener);
  entry.mutable_upsert_ticket_keys()->set_keys(keys);
  return entry;
}

TEST(UpdateReaderTest, TicketKeysAreReadAndGoByTheirListener) {
  v1::UpdateEntry removed;
  removed.mutable_remove_ticket_keys()->set_listener("old");
  UpdateReader reader;
  ViewChange change;
  const std::string keys(2 * TicketKeys::kKeyBytes, 'k');
  ASSERT_TRUE(reader.Append(Delimited(TicketEntry("web", keys)) + Delimited(removed), change).ok());
  ASSERT_THAT(change.ticket_upserts, SizeIs(1));
  EXPECT_EQ(change.ticket_upserts[0].listener, "web");
  EXPECT_EQ(change.ticket_upserts[0].keys, keys);
  ASSERT_THAT(change.ticket_removals, SizeIs(1));
  EXPECT_EQ(change.ticket_removals[0].listener, "old");
}

TEST(UpdateReaderTest, TicketKeysOfAnotherSizeAreRefused) {
  constexpr size_t kEach = TicketKeys::kKeyBytes;
  for (const size_t size : {size_t{0}, kEach - 1, kEach + 1, kEach * (TicketKeys::kMaxKeys + 1)}) {
    UpdateReader reader;
    ViewChange change;
    const std::string entry = Delimited(TicketEntry("web", std::string(size, 'k')));
    EXPECT_EQ(reader.Append(entry, change).code(), absl::StatusCode::kInvalidArgument) << size;
  }
  UpdateReader reader;
  ViewChange change;
  EXPECT_FALSE(reader.Append(Delimited(TicketEntry("", std::string(kEach, 'k'))), change).ok());
}

TEST(UpdateReaderTest, AnEndpointWithoutWeightHasWeightOne) {
  v1::UpdateEntry registered;
  *registered.mutable_upsert_endpoint() = Endpoint("10.0.0.1:80");
  UpdateReader reader;
  ViewChange change;
  ASSERT_TRUE(reader.Append(Delimited(registered), change).ok());
  EXPECT_EQ(change.endpoint_upserts.at(0).traits.weight, 1);
}

TEST(UpdateReaderTest, AnEndpointHasPriorityZoneAndLabels) {
  v1::UpdateEntry registered;
  const resource::EndpointTraits traits{1, 2, "eu-1", {{"version", "v2"}}};
  *registered.mutable_upsert_endpoint() = Endpoint("10.0.0.1:80");
  resource::SetTraits(traits, *registered.mutable_upsert_endpoint());
  UpdateReader reader;
  ViewChange change;
  ASSERT_TRUE(reader.Append(Delimited(registered), change).ok());
  EXPECT_EQ(change.endpoint_upserts.at(0).traits, traits);
}

TEST(UpdateReaderTest, ALabelThatCouldForgeAnotherIsRefused) {
  v1::UpdateEntry registered;
  *registered.mutable_upsert_endpoint() = Endpoint("10.0.0.1:80");
  (*registered.mutable_upsert_endpoint()->mutable_labels())["a"] = std::string("1\0b", 3);
  UpdateReader reader;
  ViewChange change;
  EXPECT_FALSE(reader.Append(Delimited(registered), change).ok());
}

TEST(UpdateReaderTest, AStreamThatStopsWithinAnEntryIsNotWhole) {
  UpdateReader reader;
  ViewChange change;
  ASSERT_TRUE(reader.Append(UpsertEntry("Route", "a", "x").substr(0, 5), change).ok());
  EXPECT_FALSE(reader.Finish().ok());
}

TEST(UpdateReaderTest, WhatIsNoEntryOfThisBuildIsRefused) {
  const std::string unset = Delimited(v1::UpdateEntry());
  for (const std::string& stream :
       {unset, std::string("\x03zzz"), UpsertEntry("Gadget", "a", "x"),
        UpsertEntry("Route", "", "x"), RemoveEntry("Gadget", "a"),
        UpsertEntry("Route", std::string("a\0b", 3), "x"), std::string("\xff\xff\xff\xff\xff"),
        std::string("\x81\x80\x80\x10")}) {
    UpdateReader reader;
    ViewChange change;
    EXPECT_EQ(reader.Append(stream, change).code(), absl::StatusCode::kInvalidArgument) << stream;
  }
}

TEST(UpdateReaderTest, TheUnknownKindIsNamed) {
  UpdateReader reader;
  ViewChange change;
  EXPECT_THAT(std::string(reader.Append(UpsertEntry("Gadget", "a", "x"), change).message()),
              HasSubstr("unknown kind \"Gadget\""));
}

}  // namespace
}  // namespace sluice::sync
