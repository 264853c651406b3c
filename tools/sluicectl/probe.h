// The request that `explain` asks about.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/match/normalise.h"
#include "api/match/request_view.h"

namespace sluice::sluicectl {

// Owns the texts of a request.
class Probe {
 public:
  // `url` is "http://host:port/path?query", or only the path; `headers` are "Name: value", of which
  // Host replaces that of the URL. With CONNECT it is of a connection that is not HTTP:
  // "tcp://host:port", or "tls://host:port", which asks for that host. Usage errors.
  static absl::StatusOr<Probe> Parse(const std::string& method, absl::string_view url,
                                     const std::vector<std::string>& headers,
                                     const std::string& client_ip);

  // Makes the path what a listener would make it; INVALID_ARGUMENT if it would answer 400.
  absl::Status Normalise(match::EscapedSlashes escaped_slashes);

  // Into this object.
  match::RequestView View() const;

  const std::string& method() const { return method_; }
  const std::string& host() const { return host_; }
  const std::string& path() const { return path_; }

  // That the URL names, or that its scheme implies; nothing for a path alone.
  std::optional<uint16_t> port() const { return port_; }

  // It is about a connection that is not HTTP.
  bool is_stream() const { return is_stream_; }

 private:
  absl::Status ParseUrl(absl::string_view url);
  absl::Status ParseStream(absl::string_view url);
  absl::Status ParseHeaders(const std::vector<std::string>& headers);
  static size_t Values(const void* context, absl::string_view name,
                       absl::Span<absl::string_view> values);

  std::string method_;
  std::string host_;
  std::string path_;
  std::string query_;
  std::optional<uint16_t> port_;
  bool is_stream_ = false;
  std::array<uint8_t, 16> client_ip_ = {};
  std::vector<std::pair<std::string, std::string>> headers_;  // Names in lower case.
};

}  // namespace sluice::sluicectl
