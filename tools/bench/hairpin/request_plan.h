// The requests that a run sends: rendered once for either protocol, chosen at random, the same for
// every proxy.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::hairpin {

struct RequestPlanOptions {
  std::string method = "GET";
  // In each path "{n}" stands for 0 to `routes` - 1: one path becomes that many.
  std::vector<std::string> paths = {"/"};
  uint64_t routes = 1;
  std::string host = "bench.example";
  // Whole lines, "Name: value".
  std::vector<std::string> headers;
  uint64_t body_bytes = 0;
  bool close = false;  // Each asks for the connection to be closed.
  bool grpc = false;   // The body is one message of gRPC, with its prefix of five bytes before it.
  std::string scheme = "http";
  // How often each path is chosen: "uniform", or "zipf" (the n-th as often as 1/n).
  std::string choice = "uniform";
};

class RequestPlan {
 public:
  // INVALID_ARGUMENT names the option that is wrong.
  static absl::StatusOr<RequestPlan> Make(const RequestPlanOptions& options);

  // The index of the next request.
  uint32_t Next() {
    const uint32_t index = sequence_[at_];
    at_ = at_ + 1 == sequence_.size() ? 0 : at_ + 1;
    return index;
  }

  // A request in HTTP/1.1, whole. Valid as long as the plan.
  absl::string_view text(uint32_t index) const { return requests_[index]; }

  // The same for HTTP/2: header fields with lower-case names, pseudo-header fields first.
  using Fields = std::vector<std::pair<std::string, std::string>>;
  const Fields& fields(uint32_t index) const { return fields_[index]; }
  absl::string_view body() const { return body_; }

  bool is_head() const { return is_head_; }
  size_t distinct() const { return requests_.size(); }

 private:
  RequestPlan() = default;

  bool is_head_ = false;
  std::vector<std::string> requests_;
  std::vector<Fields> fields_;
  std::string body_;
  std::vector<uint32_t> sequence_;  // Drawn beforehand: no random numbers while measuring.
  size_t at_ = 0;
};

}  // namespace sluice::hairpin
