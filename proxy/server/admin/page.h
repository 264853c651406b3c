// A page of the admin interface, and where pages come from.
//
// Of 100,000 endpoints or routes there are hundreds of megabytes to be told: such a page comes in
// pieces, each made when whoever reads it has taken the one before, and none holds up the thread.
#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "proxy/event/loop.h"

namespace sluice::server {

struct Page {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  // Appends what follows to a body, some 64 KiB in less than a millisecond or two; false: that was
  // the last. Null: `body` is all. Thread: the page source's.
  absl::AnyInvocable<bool(std::string& body)> next = nullptr;
};

// Makes all of the page, a piece in a turn of the loop. `done` runs now or later.
void MakeWhole(event::Loop& loop, Page page, absl::AnyInvocable<void(Page)> done);

class PageSource {
 public:
  // `target` is a path with its query string. `done` runs on the caller's thread, now or later.
  virtual void GetPage(const std::string& target, absl::AnyInvocable<void(Page)> done) = 0;

 protected:
  ~PageSource() = default;
};

}  // namespace sluice::server
