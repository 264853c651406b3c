#include "proxy/runtime/ticket_book.h"

#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice::runtime {
namespace {

using net::tls::TicketKeys;

std::vector<TicketKeys::Key> Parse(absl::string_view bytes) {
  std::vector<TicketKeys::Key> keys;
  TicketKeys::Key key;
  constexpr size_t kEach = sizeof(key.name) + sizeof(key.secret);
  for (; bytes.size() >= kEach; bytes.remove_prefix(kEach)) {
    std::memcpy(key.name.data(), bytes.data(), key.name.size());
    std::memcpy(key.secret.data(), bytes.data() + key.name.size(), key.secret.size());
    keys.push_back(key);
  }
  return keys;
}

}  // namespace

std::shared_ptr<const TicketKeys> TicketBook::Of(const std::string& listener) {
  return books_[listener].keys;
}

void TicketBook::Give(const GivenTicketKeys& given) {
  std::vector<TicketKeys::Key> keys = Parse(given.keys);
  if (keys.empty()) return;
  Book& book = books_[given.listener];
  book.keys->Set(std::move(keys));
  book.is_given = true;
}

void TicketBook::TakeBack(const std::string& listener) {
  const auto it = books_.find(listener);
  if (it == books_.end() || !it->second.is_given) return;
  it->second.keys->Set({TicketKeys::RandomKey()});
  it->second.is_given = false;
}

std::vector<TicketBook::Keys> TicketBook::Copy() const {
  std::vector<Keys> all;
  for (const auto& [listener, book] : books_) all.push_back({listener, book.keys->Copy()});
  return all;
}

void TicketBook::Inherit(Keys keys) {
  if (!keys.keys.empty()) books_[keys.listener].keys->Set(std::move(keys.keys));
}

void TicketBook::RotateOwn() {
  for (auto& [listener, book] : books_) {
    if (!book.is_given) book.keys->Rotate();
  }
}

}  // namespace sluice::runtime
