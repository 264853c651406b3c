#include "proxy/server/admin/page.h"

#include <utility>

namespace sluice::server {

void MakeWhole(event::Loop& loop, Page page, absl::AnyInvocable<void(Page)> done) {
  if (page.next == nullptr) return done(std::move(page));
  if (!page.next(page.body)) page.next = nullptr;
  loop.PostFromAnyThread([&loop, page = std::move(page), done = std::move(done)]() mutable {
    MakeWhole(loop, std::move(page), std::move(done));
  });
}

}  // namespace sluice::server
