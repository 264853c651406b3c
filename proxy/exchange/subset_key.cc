#include "proxy/exchange/subset_key.h"

#include <cstring>

namespace sluice::exchange {
namespace {

using Part = upstream::SubsetChoice::Part;

absl::string_view ValueOf(const Part& part, const http::HeaderMap& headers) {
  return part.header.empty() ? absl::string_view(part.value) : headers.Get(part.header);
}

char* Put(absl::string_view text, char* out) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace

absl::string_view SubsetKeyOf(const upstream::SubsetChoice& choice, const http::HeaderMap& headers,
                              http::Arena& arena) {
  if (!choice.key.empty()) return choice.key;
  size_t size = 0;
  for (const Part& part : choice.parts) {
    const absl::string_view value = ValueOf(part, headers);
    if (value.empty()) return "";
    size += part.label.size() + value.size() + 2;
  }
  char* const key = arena.Allocate(size, 1);
  char* out = key;
  for (const Part& part : choice.parts) {
    out = Put(part.label, out);
    *out++ = '=';
    out = Put(ValueOf(part, headers), out);
    *out++ = '\0';
  }
  return absl::string_view(key, size);
}

}  // namespace sluice::exchange
