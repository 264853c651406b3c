// The messages are put together by hand around the slices of entries, so that the 30 MB of a full
// update of 100,000 routes exist once, whatever the number of proxies and of generations from which
// they come: protobuf would copy them into each message.
#include "controlplane/fleet/view/update.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <string>
#include <utility>

#include "api/resource/endpoint_traits.h"
#include "sluice/v1/config_stream.pb.h"

namespace sluice::fleet {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

void AppendVarint(uint32_t value, std::string* out) {
  uint8_t bytes[5];
  const uint8_t* end = CodedOutputStream::WriteVarint32ToArray(value, bytes);
  out->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(end - bytes));
}

// The head of a length-delimited field of `size` bytes.
void AppendFieldHead(int number, size_t size, std::string* out) {
  AppendVarint(WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED), out);
  AppendVarint(static_cast<uint32_t>(size), out);
}

// Collects entries and cuts them.
class Cutter {
 public:
  explicit Cutter(Entries* entries) : entries_(*entries) {}

  void Append(const v1::UpdateEntry& entry) {
    AppendVarint(static_cast<uint32_t>(entry.ByteSizeLong()), &buffer_);
    entry.AppendToString(&buffer_);
    while (buffer_.size() >= kPartBytes) Cut(kPartBytes);
  }

  void Finish() {
    if (!buffer_.empty()) Cut(buffer_.size());
  }

 private:
  void Cut(size_t size) {
    entries_.parts.emplace_back(buffer_.data(), size);
    entries_.bytes += size;
    buffer_.erase(0, size);
  }

  Entries& entries_;
  std::string buffer_;
};

void Fill(const store::StoredEndpoint& endpoint, v1::RegisteredEndpoint* proto) {
  proto->set_upstream(endpoint.upstream);
  proto->set_owner(endpoint.owner);
  proto->set_address(endpoint.address);
  resource::SetTraits(endpoint.traits, *proto);
}

void Fill(const store::ResourceChange& change, v1::UpdateEntry* entry) {
  if (change.after == nullptr) {
    *entry->mutable_remove() = resource::ToProto(change.before->key);
    return;
  }
  *entry->mutable_upsert()->mutable_key() = resource::ToProto(change.after->key);
  entry->mutable_upsert()->set_resource(change.after->bytes);
}

// Everything of part `index` but its entries.
std::string UpdateHead(const Step& step, size_t index, size_t count) {
  v1::Update update;
  if (index == 0) {
    if (step.from.has_value()) *update.mutable_from() = ToProto(*step.from);
    *update.mutable_to() = ToProto(step.to);
    update.set_schema(step.schema);
    if (step.committed_at > absl::UnixEpoch()) {
      const absl::Duration since_epoch = step.committed_at - absl::UnixEpoch();
      const int64_t seconds = absl::ToUnixSeconds(step.committed_at);
      update.mutable_committed_at()->set_seconds(seconds);
      update.mutable_committed_at()->set_nanos(
          static_cast<int32_t>(absl::ToInt64Nanoseconds(since_epoch - absl::Seconds(seconds))));
    }
  }
  if (index + 1 == count) update.set_last(true);
  return update.SerializeAsString();
}

grpc::ByteBuffer MakeMessage(const std::string& update_head, const grpc::Slice* entries) {
  std::string entries_head;
  size_t entries_bytes = 0;
  if (entries != nullptr) {
    entries_bytes = entries->size();
    AppendFieldHead(v1::Update::kEntriesFieldNumber, entries_bytes, &entries_head);
  }
  std::string head;
  AppendFieldHead(v1::ControlMessage::kUpdateFieldNumber,
                  update_head.size() + entries_head.size() + entries_bytes, &head);
  const grpc::Slice slices[2] = {grpc::Slice(head + update_head + entries_head),
                                 entries == nullptr ? grpc::Slice() : *entries};
  return grpc::ByteBuffer(slices, entries == nullptr ? 1 : 2);
}

}  // namespace

std::shared_ptr<const Entries> EncodeEntries(const ViewDelta& delta) {
  auto entries = std::make_shared<Entries>();
  Cutter cutter(entries.get());
  v1::UpdateEntry entry;
  for (const store::ResourceChange& change : delta.resources) {
    Fill(change, &entry);
    cutter.Append(entry);
  }
  for (const store::EndpointChange& change : delta.endpoints) {
    Fill(change.any(), change.after == nullptr ? entry.mutable_remove_endpoint()
                                               : entry.mutable_upsert_endpoint());
    cutter.Append(entry);
  }
  for (const TicketsChange& change : delta.tickets) {
    v1::TicketKeys* keys = change.after.empty() ? entry.mutable_remove_ticket_keys()
                                                : entry.mutable_upsert_ticket_keys();
    keys->set_listener(change.listener);
    keys->set_keys(change.after);
    cutter.Append(entry);
  }
  cutter.Finish();
  return entries;
}

std::shared_ptr<const Update> MakeUpdate(Step step, std::shared_ptr<const Entries> entries) {
  auto update = std::make_shared<Update>();
  update->step = std::move(step);
  const std::vector<grpc::Slice>& parts = entries->parts;
  const size_t count = std::max<size_t>(parts.size(), 1);
  for (size_t i = 0; i < count; ++i) {
    update->messages.push_back(
        MakeMessage(UpdateHead(update->step, i, count), parts.empty() ? nullptr : &parts[i]));
    update->bytes += update->messages.back().Length();
  }
  update->entries = std::move(entries);
  return update;
}

}  // namespace sluice::fleet
