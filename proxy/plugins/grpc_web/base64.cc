#include "proxy/plugins/grpc_web/base64.h"

#include <string>

#include "absl/strings/escaping.h"

namespace sluice::plugins {
namespace {

// -1: none.
int DigitOf(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

bool Base64Decoder::Decode(absl::string_view text, net::BlockPool& pool, net::Buffer& out) {
  constexpr size_t kRoom = 3 * 1024;
  char room[kRoom];
  size_t size = 0;
  for (const char c : text) {
    const int digit = DigitOf(c);
    const bool is_padding = c == '=' && count_ >= 2;
    if (is_padding ? false : digit < 0 || padding_ > 0) return false;
    group_ = group_ << 6 | static_cast<uint32_t>(is_padding ? 0 : digit);
    padding_ += is_padding;
    if (++count_ < 4) continue;
    const int bytes = 3 - padding_;
    for (int i = 0; i < bytes; ++i) room[size++] = static_cast<char>(group_ >> (16 - 8 * i));
    group_ = 0;
    count_ = padding_ = 0;
    if (size + 3 <= kRoom) continue;
    out.AppendCopy(pool, absl::string_view(room, size));
    size = 0;
  }
  out.AppendCopy(pool, absl::string_view(room, size));
  return true;
}

void EncodeBase64(const net::Buffer& bytes, net::BlockPool& pool, net::Buffer& out) {
  // Slices end anywhere: what does not fill three bytes goes before the next one.
  std::string rest;
  bytes.ForEach([&](absl::string_view slice) {
    rest.append(slice.data(), slice.size());
    const size_t whole = rest.size() / 3 * 3;
    out.AppendCopy(pool, absl::Base64Escape(absl::string_view(rest).substr(0, whole)));
    rest.erase(0, whole);
  });
  out.AppendCopy(pool, absl::Base64Escape(rest));
}

}  // namespace sluice::plugins
