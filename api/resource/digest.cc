#include "api/resource/digest.h"

#include <nettle/sha2.h>

#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

static_assert(kDigestBytes == SHA256_DIGEST_SIZE);

constexpr absl::string_view kZero("\0", 1);

std::string Sha256Of(std::initializer_list<absl::string_view> parts) {
  sha256_ctx context;
  sha256_init(&context);
  for (absl::string_view part : parts) {
    sha256_update(&context, part.size(), reinterpret_cast<const uint8_t*>(part.data()));
  }
  std::string digest(kDigestBytes, '\0');
  sha256_digest(&context, digest.size(), reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

}  // namespace

std::string Serialise(const v1::Resource& resource) {
  std::string bytes;
  bytes.reserve(resource.ByteSizeLong());
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);  // Maps in the order of their keys.
    resource.SerializeWithCachedSizes(&coded);
  }
  return bytes;
}

std::string Digest(const Key& key, absl::string_view bytes) {
  return Sha256Of({KindName(key.kind), kZero, key.ns, kZero, key.name, kZero, bytes});
}

std::string EndpointDigest(absl::string_view upstream, absl::string_view owner,
                           absl::string_view address, const EndpointTraits& traits) {
  std::string text =
      absl::StrCat(EndpointObjectKey(upstream, owner, address), kZero, traits.weight);
  const std::string others = EncodeTraits(traits);
  if (!others.empty()) absl::StrAppend(&text, kZero, others);
  return Sha256(text);
}

std::string TicketKeysDigest(absl::string_view listener, absl::string_view keys) {
  return Sha256(absl::StrCat(TicketKeysObjectKey(listener), kZero, keys));
}

std::string ObjectKey(const Key& key) {
  return absl::StrCat(KindName(key.kind), kZero, key.ns, kZero, key.name);
}

std::string EndpointObjectKey(absl::string_view upstream, absl::string_view owner,
                              absl::string_view address) {
  return absl::StrCat("endpoint", kZero, upstream, kZero, owner, kZero, address);
}

std::string TicketKeysObjectKey(absl::string_view listener) {
  return absl::StrCat("ticket_keys", kZero, listener);
}

std::string Sha256(absl::string_view bytes) { return Sha256Of({bytes}); }

std::string ToHex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

std::optional<std::string> FromHex(absl::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  for (char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
  }
  return absl::HexStringToBytes(text);
}

}  // namespace sluice::resource
