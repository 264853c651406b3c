#include "proxy/sync/testing/update.h"

#include <google/protobuf/util/delimited_message_util.h>

#include <algorithm>
#include <sstream>

#include "api/resource/key.h"
#include "sluice/v1/config_stream.pb.h"

namespace sluice::sync {
namespace {

void Fill(const Generation& generation, v1::Generation* proto) {
  proto->set_store_id(generation.store_id);
  proto->set_epoch(generation.epoch);
  proto->set_number(generation.number);
  proto->set_view_hash(generation.view_hash);
}

void Fill(const RegisteredEndpoint& endpoint, v1::RegisteredEndpoint* proto) {
  proto->set_upstream(endpoint.upstream);
  proto->set_owner(endpoint.owner);
  proto->set_address(endpoint.address);
  resource::SetTraits(endpoint.traits, *proto);
}

void Append(const v1::UpdateEntry& entry, std::ostringstream& out) {
  google::protobuf::util::SerializeDelimitedToOstream(entry, &out);
}

}  // namespace

std::string EncodeEntries(const ViewChange& change) {
  std::ostringstream out;
  for (const ViewChange::Upsert& upsert : change.upserts) {
    v1::UpdateEntry entry;
    *entry.mutable_upsert()->mutable_key() = resource::ToProto(upsert.key);
    entry.mutable_upsert()->set_resource(upsert.bytes);
    Append(entry, out);
  }
  for (const resource::Key& key : change.removals) {
    v1::UpdateEntry entry;
    *entry.mutable_remove() = resource::ToProto(key);
    Append(entry, out);
  }
  for (const RegisteredEndpoint& endpoint : change.endpoint_upserts) {
    v1::UpdateEntry entry;
    Fill(endpoint, entry.mutable_upsert_endpoint());
    Append(entry, out);
  }
  for (const RegisteredEndpoint& endpoint : change.endpoint_removals) {
    v1::UpdateEntry entry;
    Fill(endpoint, entry.mutable_remove_endpoint());
    Append(entry, out);
  }
  for (const TicketKeys& tickets : change.ticket_upserts) {
    v1::UpdateEntry entry;
    entry.mutable_upsert_ticket_keys()->set_listener(tickets.listener);
    entry.mutable_upsert_ticket_keys()->set_keys(tickets.keys);
    Append(entry, out);
  }
  for (const TicketKeys& tickets : change.ticket_removals) {
    v1::UpdateEntry entry;
    entry.mutable_remove_ticket_keys()->set_listener(tickets.listener);
    Append(entry, out);
  }
  return out.str();
}

std::vector<UpdatePart> MakeUpdate(const std::optional<Generation>& from, const ViewChange& change,
                                   size_t part_bytes) {
  const std::string entries = EncodeEntries(change);
  std::vector<UpdatePart> parts;
  for (size_t at = 0; at < entries.size() || parts.empty(); at += part_bytes) {
    UpdatePart& part = parts.emplace_back();
    part.entries = entries.substr(std::min(at, entries.size()), part_bytes);
  }
  parts.front().from = from;
  parts.front().to = change.generation;
  parts.front().schema = change.schema;
  parts.front().committed_at = change.committed_at;
  parts.back().is_last = true;
  return parts;
}

std::vector<std::string> EncodeUpdate(const std::vector<UpdatePart>& parts) {
  std::vector<std::string> messages;
  for (const UpdatePart& part : parts) {
    v1::ControlMessage message;
    v1::Update& update = *message.mutable_update();
    if (part.from.has_value()) Fill(*part.from, update.mutable_from());
    if (part.to.has_value()) Fill(*part.to, update.mutable_to());
    update.set_entries(part.entries);
    update.set_last(part.is_last);
    update.set_schema(part.schema);
    if (part.committed_at != absl::InfinitePast()) {
      update.mutable_committed_at()->set_seconds(absl::ToUnixSeconds(part.committed_at));
    }
    messages.push_back(message.SerializeAsString());
  }
  return messages;
}

std::string EncodeWelcome(const Generation& target) {
  v1::ControlMessage message;
  message.mutable_welcome()->mutable_report_interval()->set_seconds(1);
  Fill(target, message.mutable_welcome()->mutable_target());
  return message.SerializeAsString();
}

std::string EncodeQuery(uint64_t id, const std::string& path) {
  v1::ControlMessage message;
  message.mutable_query()->set_id(id);
  message.mutable_query()->set_path(path);
  return message.SerializeAsString();
}

std::string EncodeBackoff(absl::Duration retry_after) {
  v1::ControlMessage message;
  const int64_t nanos = absl::ToInt64Nanoseconds(retry_after);
  auto& proto = *message.mutable_backoff()->mutable_retry_after();
  proto.set_seconds(nanos / 1'000'000'000);
  proto.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  return message.SerializeAsString();
}

}  // namespace sluice::sync
