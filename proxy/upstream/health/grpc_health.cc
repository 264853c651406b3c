#include "proxy/upstream/health/grpc_health.h"

#include "absl/strings/str_cat.h"

namespace sluice::upstream::health {
namespace {

enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
constexpr uint64_t kFirstField = 1;

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// Takes one off the front.
std::optional<uint64_t> TakeVarint(absl::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes[0]);
    bytes.remove_prefix(1);
    // Of the tenth byte only one bit has room.
    if (shift == 63 && byte > 1) return std::nullopt;
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

bool Skip(uint64_t size, absl::string_view& bytes) {
  if (size > bytes.size()) return false;
  bytes.remove_prefix(size);
  return true;
}

}  // namespace

std::string EncodeRequest(absl::string_view service) {
  std::string message;
  if (!service.empty()) {
    AppendVarint(kFirstField << 3 | kBytes, message);
    AppendVarint(service.size(), message);
    message.append(service.data(), service.size());
  }
  const auto size = static_cast<uint32_t>(message.size());
  const char head[] = {0, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                       static_cast<char>(size >> 8), static_cast<char>(size)};
  return std::string(head, sizeof(head)) + message;
}

std::optional<uint64_t> DecodeStatus(absl::string_view message) {
  uint64_t status = 0;  // UNKNOWN: what is not there.
  while (!message.empty()) {
    const std::optional<uint64_t> tag = TakeVarint(message);
    if (!tag || *tag >> 3 == 0) return std::nullopt;
    switch (*tag & 7) {
      case kVarint: {
        const std::optional<uint64_t> value = TakeVarint(message);
        if (!value) return std::nullopt;
        if (*tag >> 3 == kFirstField) status = *value;
        break;
      }
      case kFixed64:
        if (!Skip(8, message)) return std::nullopt;
        break;
      case kFixed32:
        if (!Skip(4, message)) return std::nullopt;
        break;
      case kBytes: {
        const std::optional<uint64_t> size = TakeVarint(message);
        if (!size || !Skip(*size, message)) return std::nullopt;
        break;
      }
      default:
        return std::nullopt;
    }
  }
  return status;
}

std::string StatusName(uint64_t status) {
  switch (status) {
    case 0:
      return "UNKNOWN";
    case kServing:
      return "SERVING";
    case 2:
      return "NOT_SERVING";
    case 3:
      return "SERVICE_UNKNOWN";
    default:
      return absl::StrCat("status ", status);
  }
}

}  // namespace sluice::upstream::health
