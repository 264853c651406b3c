#include "proxy/plugins/query.h"

#include <cstring>

namespace sluice::plugins {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes one decoded character off the front.
char TakeDecoded(absl::string_view& text) {
  const char c = text.front();
  if (c == '%' && text.size() >= 3 && HexValue(text[1]) >= 0 && HexValue(text[2]) >= 0) {
    const char decoded = static_cast<char>(HexValue(text[1]) * 16 + HexValue(text[2]));
    text.remove_prefix(3);
    return decoded;
  }
  text.remove_prefix(1);
  return c == '+' ? ' ' : c;
}

bool DecodesTo(absl::string_view encoded, absl::string_view wanted) {
  while (!encoded.empty() && !wanted.empty()) {
    if (TakeDecoded(encoded) != wanted.front()) return false;
    wanted.remove_prefix(1);
  }
  return encoded.empty() && wanted.empty();
}

// Takes "name=value" off the front, and the "&" behind it.
absl::string_view TakeParameter(absl::string_view& query) {
  const size_t end = query.find('&');
  const absl::string_view parameter = query.substr(0, end);
  query = end == absl::string_view::npos ? absl::string_view() : query.substr(end + 1);
  return parameter;
}

bool HasName(absl::string_view parameter, absl::string_view name) {
  return DecodesTo(parameter.substr(0, parameter.find('=')), name);
}

}  // namespace

std::optional<absl::string_view> FindQueryParameter(absl::string_view query,
                                                    absl::string_view name) {
  while (!query.empty()) {
    const absl::string_view parameter = TakeParameter(query);
    if (!HasName(parameter, name)) continue;
    const size_t equals = parameter.find('=');
    return equals == absl::string_view::npos ? absl::string_view() : parameter.substr(equals + 1);
  }
  return std::nullopt;
}

absl::string_view DecodeQuery(absl::string_view text, http::Arena& arena) {
  if (text.find_first_of("%+") == absl::string_view::npos) return text;
  char* out = arena.Allocate(text.size(), 1);
  size_t size = 0;
  while (!text.empty()) out[size++] = TakeDecoded(text);
  return absl::string_view(out, size);
}

std::optional<absl::string_view> WithoutQueryParameter(absl::string_view query,
                                                       absl::string_view name, http::Arena& arena) {
  if (!FindQueryParameter(query, name)) return query;
  char* const out = arena.Allocate(query.size(), 1);
  size_t size = 0;
  while (!query.empty()) {
    const absl::string_view parameter = TakeParameter(query);
    if (HasName(parameter, name)) continue;
    if (size > 0) out[size++] = '&';
    std::memcpy(out + size, parameter.data(), parameter.size());
    size += parameter.size();
  }
  if (size == 0) return std::nullopt;
  return absl::string_view(out, size);
}

}  // namespace sluice::plugins
