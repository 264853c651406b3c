#include "proxy/http/header_id.h"

#include <array>
#include <cstring>

#include "absl/strings/match.h"

namespace sluice::http {
namespace {

constexpr const char* kNames[] = {
    "accept",
    "allow",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "location",
    "proxy-authorization",
    "proxy-connection",
    "proxy-status",
    "referer",
    "retry-after",
    "server",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
};
static_assert(std::size(kNames) == kHeaderIds);

constexpr size_t kTableSize = 128;

constexpr size_t Length(const char* text) {
  size_t n = 0;
  while (text[n] != 0) ++n;
  return n;
}

// Length and three letters tell the known names apart without a collision (checked below).
constexpr size_t Hash(const char* name, size_t size) {
  const auto lower = [](char c) { return static_cast<size_t>(c | 0x20); };
  return (size * 15 + lower(name[0]) * 63 + lower(name[size - 1]) + lower(name[size / 2]) * 50) %
         kTableSize;
}

struct Table {
  std::array<uint8_t, kTableSize> ids{};
  bool has_collision = false;
};

constexpr Table MakeTable() {
  Table table;
  for (uint8_t& id : table.ids) id = static_cast<uint8_t>(HeaderId::kOther);
  for (size_t i = 0; i < kHeaderIds; ++i) {
    uint8_t& id = table.ids[Hash(kNames[i], Length(kNames[i]))];
    table.has_collision |= id != static_cast<uint8_t>(HeaderId::kOther);
    id = static_cast<uint8_t>(i);
  }
  return table;
}

constexpr Table kTable = MakeTable();
static_assert(!kTable.has_collision, "choose other factors in Hash()");

}  // namespace

HeaderId LookupHeader(absl::string_view name) {
  if (name.empty()) return HeaderId::kOther;
  const uint8_t id = kTable.ids[Hash(name.data(), name.size())];
  if (id == static_cast<uint8_t>(HeaderId::kOther)) return HeaderId::kOther;
  return absl::EqualsIgnoreCase(name, kNames[id]) ? static_cast<HeaderId>(id) : HeaderId::kOther;
}

absl::string_view HeaderName(HeaderId id) {
  return id == HeaderId::kOther ? absl::string_view() : kNames[static_cast<size_t>(id)];
}

}  // namespace sluice::http
