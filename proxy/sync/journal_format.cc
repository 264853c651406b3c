#include "proxy/sync/journal_format.h"

#include <algorithm>

#include "api/resource/digest.h"
#include "proxy/sync/record.h"

namespace sluice::sync {
namespace {

// Stands for an unknown time, which InfinitePast() is.
constexpr int64_t kNoTime = INT64_MIN;

// Of exactly `bytes`, whatever is there.
void PutFixed(absl::string_view value, size_t bytes, std::string& out) {
  out.append(value.data(), std::min(value.size(), bytes));
  out.append(bytes - std::min(value.size(), bytes), '\0');
}

}  // namespace

std::string EncodeHead(const StepHead& head) {
  std::string out;
  PutFixed(head.generation.store_id, kStoreIdBytes, out);
  PutNumber(head.generation.epoch, 8, out);
  PutNumber(head.generation.number, 8, out);
  PutFixed(head.generation.view_hash, kViewHashBytes, out);
  PutNumber(head.schema, 4, out);
  const bool has_time = head.committed_at != absl::InfinitePast();
  PutNumber(static_cast<uint64_t>(has_time ? absl::ToUnixNanos(head.committed_at) : kNoTime), 8,
            out);
  return out;
}

std::optional<StepHead> TakeHead(absl::string_view& payload) {
  StepHead head;
  absl::string_view store_id;
  absl::string_view view_hash;
  uint64_t schema = 0;
  uint64_t nanos = 0;
  if (!TakeBytes(payload, kStoreIdBytes, store_id) ||
      !TakeNumber(payload, 8, head.generation.epoch) ||
      !TakeNumber(payload, 8, head.generation.number) ||
      !TakeBytes(payload, kViewHashBytes, view_hash) || !TakeNumber(payload, 4, schema) ||
      !TakeNumber(payload, 8, nanos)) {
    return std::nullopt;
  }
  head.generation.store_id = std::string(store_id);
  head.generation.view_hash = std::string(view_hash);
  head.schema = static_cast<uint32_t>(schema);
  const auto time = static_cast<int64_t>(nanos);
  head.committed_at = time == kNoTime ? absl::InfinitePast() : absl::FromUnixNanos(time);
  return head;
}

std::optional<UpsertPayload> ReadUpsert(absl::string_view payload) {
  UpsertPayload upsert;
  uint64_t key_size = 0;
  if (!TakeBytes(payload, resource::kDigestBytes, upsert.digest) ||
      !TakeNumber(payload, 2, key_size) || !TakeBytes(payload, key_size, upsert.object_key)) {
    return std::nullopt;
  }
  upsert.content = payload;
  return upsert;
}

std::string EncodeEndpoint(const resource::EndpointTraits& traits) {
  std::string out;
  PutNumber(traits.weight, 4, out);
  return out + resource::EncodeTraits(traits);
}

std::optional<resource::EndpointTraits> DecodeEndpoint(absl::string_view content) {
  uint64_t weight = 0;
  resource::EndpointTraits traits;
  if (!TakeNumber(content, 4, weight) || !resource::DecodeTraits(content, traits)) {
    return std::nullopt;
  }
  traits.weight = static_cast<uint32_t>(weight);
  return traits;
}

}  // namespace sluice::sync
