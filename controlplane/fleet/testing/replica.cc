#include "controlplane/fleet/testing/replica.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <gtest/gtest.h>

#include <vector>

#include "api/resource/digest.h"
#include "api/resource/view_hash.h"
#include "sluice/v1/config_stream.pb.h"

namespace sluice::fleet {
namespace {

std::string EndpointName(const v1::RegisteredEndpoint& endpoint) {
  return endpoint.upstream() + " " + endpoint.owner() + " " + endpoint.address();
}

}  // namespace

bool Parse(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* message) {
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) return false;
  std::string flat;
  for (const grpc::Slice& slice : slices) {
    flat.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return message->ParseFromString(flat);
}

size_t Replica::Apply(const Update& update) {
  bool is_done = false;
  for (const grpc::ByteBuffer& bytes : update.messages) {
    EXPECT_FALSE(is_done) << "something follows the last part";
    v1::ControlMessage message;
    EXPECT_TRUE(Parse(bytes, &message));
    EXPECT_TRUE(message.has_update());
    is_done = Take(message.update());
  }
  EXPECT_TRUE(is_done) << "no part is the last";
  return entries_;
}

bool Replica::Take(const v1::Update& part) {
  if (!is_under_way_) {
    is_under_way_ = true;
    stream_.clear();
    to_ = FromProto(part.to());
    was_full_ = !part.has_from();
    if (part.has_from()) {
      EXPECT_TRUE(generation_.has_value() && *generation_ == FromProto(part.from()))
          << "the update is not from what is held";
    } else {
      resources_.clear();
      endpoints_.clear();
      tickets_.clear();
    }
  }
  stream_ += part.entries();
  if (part.last()) Finish();
  return part.last();
}

void Replica::Finish() {
  is_under_way_ = false;
  entries_ = 0;
  google::protobuf::io::ArrayInputStream input(stream_.data(), static_cast<int>(stream_.size()));
  v1::UpdateEntry entry;
  bool clean_eof = false;
  while (google::protobuf::util::ParseDelimitedFromZeroCopyStream(&entry, &input, &clean_eof)) {
    ++entries_;
    ApplyEntry(entry);
  }
  EXPECT_TRUE(clean_eof) << "the entries end in the midst of one";
  generation_ = to_;
  EXPECT_EQ(Hash(), to_.view_hash) << "the hashes do not agree";
}

void Replica::ApplyEntry(const v1::UpdateEntry& entry) {
  switch (entry.entry_case()) {
    case v1::UpdateEntry::kUpsert: {
      std::string& held = resources_[resource::KeyOf(entry.upsert().key())];
      EXPECT_NE(held, entry.upsert().resource()) << "an upsert changes nothing";
      held = entry.upsert().resource();
      break;
    }
    case v1::UpdateEntry::kRemove:
      EXPECT_EQ(resources_.erase(resource::KeyOf(entry.remove())), 1u);
      break;
    case v1::UpdateEntry::kUpsertEndpoint:
      endpoints_[EndpointName(entry.upsert_endpoint())] =
          resource::TraitsOf(entry.upsert_endpoint());
      break;
    case v1::UpdateEntry::kRemoveEndpoint:
      EXPECT_EQ(endpoints_.erase(EndpointName(entry.remove_endpoint())), 1u);
      break;
    case v1::UpdateEntry::kUpsertTicketKeys: {
      std::string& held = tickets_[entry.upsert_ticket_keys().listener()];
      EXPECT_NE(held, entry.upsert_ticket_keys().keys()) << "ticket keys change nothing";
      held = entry.upsert_ticket_keys().keys();
      break;
    }
    case v1::UpdateEntry::kRemoveTicketKeys:
      EXPECT_EQ(tickets_.erase(entry.remove_ticket_keys().listener()), 1u);
      break;
    case v1::UpdateEntry::ENTRY_NOT_SET:
      ADD_FAILURE() << "an entry is empty";
  }
}

std::string Replica::Hash() const {
  resource::ViewHash hash;
  for (const auto& [key, bytes] : resources_) {
    hash.Upsert(resource::ObjectKey(key), resource::Digest(key, bytes));
  }
  for (const auto& [name, traits] : endpoints_) {
    const size_t first = name.find(' ');
    const size_t second = name.find(' ', first + 1);
    const std::string upstream = name.substr(0, first);
    const std::string owner = name.substr(first + 1, second - first - 1);
    const std::string address = name.substr(second + 1);
    hash.Upsert(resource::EndpointObjectKey(upstream, owner, address),
                resource::EndpointDigest(upstream, owner, address, traits));
  }
  for (const auto& [listener, keys] : tickets_) {
    hash.Upsert(resource::TicketKeysObjectKey(listener),
                resource::TicketKeysDigest(listener, keys));
  }
  return hash.Hash();
}

}  // namespace sluice::fleet
