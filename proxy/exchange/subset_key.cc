#include "proxy/exchange/subset_key.h"

#include "base/append.h"

namespace sluice::exchange {
namespace {

using Part = upstream::SubsetChoice::Part;

absl::string_view ValueOf(const Part& part, const http::HeaderMap& headers) {
  return part.header.empty() ? absl::string_view(part.value) : headers.Get(part.header);
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
    out = Append(part.label, out);
    *out++ = '=';
    out = Append(ValueOf(part, headers), out);
    *out++ = '\0';
  }
  return absl::string_view(key, size);
}

}  // namespace sluice::exchange
