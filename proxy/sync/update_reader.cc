#include "proxy/sync/update_reader.h"

#include <google/protobuf/io/coded_stream.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "api/resource/digest.h"
#include "sluice/v1/config_stream.pb.h"

namespace sluice::sync {
namespace {

// A length of at most kMaxEntryBytes has no more digits.
constexpr size_t kMaxLengthBytes = 4;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("update: ", what));
}

// Takes a varint off the front. Nothing: more bytes are needed, or none can help (`is_bad`).
std::optional<uint32_t> TakeLength(absl::string_view& bytes, bool& is_bad) {
  uint32_t value = 0;
  for (size_t i = 0; i < kMaxLengthBytes; ++i) {
    if (i == bytes.size()) return std::nullopt;
    const auto byte = static_cast<uint8_t>(bytes[i]);
    value |= static_cast<uint32_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return value;
    }
  }
  is_bad = true;
  return std::nullopt;
}

// Object keys join their parts with zero bytes: within a part one could forge another object's key.
bool HasZero(absl::string_view text) { return text.find('\0') != absl::string_view::npos; }

absl::StatusOr<resource::Key> ReadKey(const v1::ResourceKey& proto) {
  resource::Key key = resource::KeyOf(proto);
  if (key.kind == resource::Kind::kNone) {
    return Malformed(absl::StrCat("unknown kind \"", proto.kind(), "\""));
  }
  if (key.name.empty() || HasZero(key.name) || HasZero(key.ns)) {
    return Malformed(absl::StrCat("a ", proto.kind(), " without a valid name"));
  }
  return key;
}

absl::StatusOr<RegisteredEndpoint> ReadEndpoint(const v1::RegisteredEndpoint& proto) {
  if (HasZero(proto.upstream()) || HasZero(proto.owner()) || HasZero(proto.address()) ||
      proto.upstream().empty() || proto.address().empty()) {
    return Malformed("an endpoint without a valid upstream, owner or address");
  }
  resource::EndpointTraits traits = resource::TraitsOf(proto);
  for (const auto& [name, value] : traits.labels) {
    if (HasZero(name) || HasZero(value)) return Malformed("an endpoint with a label that is none");
  }
  if (HasZero(traits.zone)) return Malformed("an endpoint with a zone that is none");
  return RegisteredEndpoint{proto.upstream(), proto.owner(), proto.address(), std::move(traits)};
}

absl::StatusOr<TicketKeys> ReadTickets(v1::TicketKeys& proto, bool is_upsert) {
  const bool is_valid = !proto.listener().empty() && !HasZero(proto.listener()) &&
                        (!is_upsert || TicketKeys::IsValid(proto.keys()));
  if (!is_valid) return Malformed("ticket keys without a valid listener or keys");
  return TicketKeys{proto.listener(), is_upsert ? std::move(*proto.mutable_keys()) : ""};
}

absl::Status ReadUpsert(v1::UpdateEntry::Blob& blob, ViewChange& change) {
  absl::StatusOr<resource::Key> key = ReadKey(blob.key());
  if (!key.ok()) return key.status();
  ViewChange::Upsert& upsert = change.upserts.emplace_back();
  upsert.key = *std::move(key);
  upsert.bytes = std::move(*blob.mutable_resource());
  upsert.digest = resource::Digest(upsert.key, upsert.bytes);
  return absl::OkStatus();
}

template <typename T>
absl::Status Add(absl::StatusOr<T> value, std::vector<T>& to) {
  if (!value.ok()) return value.status();
  to.push_back(*std::move(value));
  return absl::OkStatus();
}

absl::Status ReadEntry(absl::string_view bytes, ViewChange& change) {
  v1::UpdateEntry entry;
  if (!entry.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Malformed("not an UpdateEntry");
  }
  switch (entry.entry_case()) {
    case v1::UpdateEntry::kUpsert:
      return ReadUpsert(*entry.mutable_upsert(), change);
    case v1::UpdateEntry::kRemove:
      return Add(ReadKey(entry.remove()), change.removals);
    case v1::UpdateEntry::kUpsertEndpoint:
      return Add(ReadEndpoint(entry.upsert_endpoint()), change.endpoint_upserts);
    case v1::UpdateEntry::kRemoveEndpoint:
      return Add(ReadEndpoint(entry.remove_endpoint()), change.endpoint_removals);
    case v1::UpdateEntry::kUpsertTicketKeys:
      return Add(ReadTickets(*entry.mutable_upsert_ticket_keys(), true), change.ticket_upserts);
    case v1::UpdateEntry::kRemoveTicketKeys:
      return Add(ReadTickets(*entry.mutable_remove_ticket_keys(), false), change.ticket_removals);
    case v1::UpdateEntry::ENTRY_NOT_SET:
      break;
  }
  return Malformed("an entry of a kind that this build does not know");
}

}  // namespace

absl::Status UpdateReader::Append(absl::string_view part, ViewChange& change) {
  // Only where an entry is cut the part is copied behind its beginning.
  const bool is_joined = !rest_.empty();
  if (is_joined) rest_.append(part.data(), part.size());
  absl::string_view bytes = is_joined ? absl::string_view(rest_) : part;
  while (!bytes.empty()) {
    absl::string_view left = bytes;
    bool is_bad = false;
    const std::optional<uint32_t> length = TakeLength(left, is_bad);
    if (is_bad || length.value_or(0) > kMaxEntryBytes) {
      return Malformed(absl::StrCat("an entry of more than ", kMaxEntryBytes, " bytes"));
    }
    if (!length.has_value() || left.size() < *length) break;
    if (absl::Status status = ReadEntry(left.substr(0, *length), change); !status.ok()) {
      return status;
    }
    bytes = left.substr(*length);
  }
  if (is_joined) {
    rest_.erase(0, rest_.size() - bytes.size());
  } else {
    rest_.assign(bytes.data(), bytes.size());
  }
  return absl::OkStatus();
}

absl::Status UpdateReader::Finish() const {
  return rest_.empty() ? absl::OkStatus() : Malformed("it stops within an entry");
}

}  // namespace sluice::sync
