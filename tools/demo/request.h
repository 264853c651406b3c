// An HTTP/1.1 request as the demo upstream reads it: the whole of it, from a blocking socket.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::demo {

struct Request {
  std::string method;
  std::string target;  // Path and query, as sent.
  std::vector<std::pair<std::string, std::string>> headers;
  uint64_t body_bytes = 0;

  absl::string_view path() const;
  // Of the query string, undecoded; empty if it is not there.
  absl::string_view query(absl::string_view name) const;
  // The first one; empty if it is not there. `name` is compared without case.
  absl::string_view header(absl::string_view name) const;
};

// Reads requests one after the other from a byte source.
class RequestReader {
 public:
  // Gives the next bytes; empty at the end of the stream.
  using Source = std::function<std::string()>;

  explicit RequestReader(Source source) : source_(std::move(source)) {}

  // The next request, its body read and counted. Nothing if the stream ended between requests;
  // INVALID_ARGUMENT if it is malformed or ended within one.
  absl::StatusOr<std::optional<Request>> Next();

 private:
  bool Fill();
  absl::StatusOr<std::string> Line();
  absl::Status Skip(uint64_t bytes);
  absl::Status ReadHead(Request& request);
  absl::Status ReadBody(Request& request);

  const Source source_;
  std::string buffer_;  // Read and not used yet.
};

}  // namespace sluice::demo
