// Strings and pages as JSON.
#pragma once

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proxy/server/admin/page.h"

namespace sluice::main {

// In quotes, with what JSON wants escaped. Bytes above 0x7f pass as they are.
inline std::string JsonString(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&out, "\\u", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad4));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

inline server::Page JsonPage(std::string text) {
  return {200, "application/json", std::move(text) + "\n"};
}

}  // namespace sluice::main
