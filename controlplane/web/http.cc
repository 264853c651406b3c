#include "controlplane/web/http.h"

#include "absl/strings/str_cat.h"

namespace sluice::web {

Response TextResponse(int status, absl::string_view text) {
  Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = absl::StrCat(text, "\n");
  return response;
}

Respond::~Respond() {
  if (send_ != nullptr) std::move (*this)(TextResponse(503, "shutting down"));
}

}  // namespace sluice::web
