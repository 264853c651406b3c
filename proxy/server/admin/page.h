// A page of the admin interface, and where pages come from.
#pragma once

#include <string>

#include "absl/functional/any_invocable.h"

namespace sluice::server {

struct Page {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class PageSource {
 public:
  // `target` is a path with its query string. `done` runs on the caller's thread, now or later.
  virtual void GetPage(const std::string& target, absl::AnyInvocable<void(Page)> done) = 0;

 protected:
  ~PageSource() = default;
};

}  // namespace sluice::server
