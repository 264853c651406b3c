// HTTP as the handlers see it: whole requests and whole responses.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "controlplane/auth/caller.h"

namespace sluice::web {

struct Request {
  std::string method;
  std::string path;                                             // Percent-decoded, without query.
  std::vector<std::pair<std::string, std::string>> parameters;  // Of the query, in their order.
  std::string host;                                             // As sent; may be empty.
  std::string content_type;
  bool has_body = false;
  std::string body;
  std::string peer;  // Address of the caller.
  auth::Caller caller = auth::Caller::Unknown("nobody was asked");
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// One line of plain text.
Response TextResponse(int status, absl::string_view text);

// Answers one request, once, on any thread. One that is destroyed unused answers 503.
class Respond {
 public:
  using Send = absl::AnyInvocable<void(Response) &&>;

  explicit Respond(Send send) : send_(std::move(send)) {}
  Respond(Respond&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}
  Respond& operator=(Respond&&) = delete;
  ~Respond();

  void operator()(Response response) && { std::exchange(send_, nullptr)(std::move(response)); }

 private:
  Send send_;
};

using Handler = absl::AnyInvocable<void(Request, Respond)>;

}  // namespace sluice::web
