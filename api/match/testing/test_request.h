// A request that owns its texts, for tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "api/match/ip_ranges.h"
#include "api/match/request_view.h"

namespace sluice::match {

struct TestRequest {
  std::string method = "GET";
  std::string host = "example.com";
  std::string path = "/";
  std::string query = {};
  std::string client_ip = "192.0.2.1";
  std::vector<std::pair<std::string, std::string>> headers = {};  // Names in lower case.

  // Views into this object.
  RequestView View() const {
    RequestView view;
    view.method = method;
    view.host = host;
    view.path = path;
    view.query = query;
    view.client_ip = ParseIp(client_ip).value_or(std::array<uint8_t, 16>{});
    view.headers = {&Values, this};
    return view;
  }

 private:
  static size_t Values(const void* context, absl::string_view name,
                       absl::Span<absl::string_view> values) {
    size_t count = 0;
    for (const auto& [key, value] : static_cast<const TestRequest*>(context)->headers) {
      if (key != name) continue;
      if (count < values.size()) values[count] = value;
      ++count;
    }
    return count;
  }
};

}  // namespace sluice::match
