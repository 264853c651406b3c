// The names under which a server without authentication answers to browsers.
//
// A web page from elsewhere can have its own name point at our address (DNS rebinding) and then
// read us with its visitor's browser, on whatever network that is in. The browser says in Host what
// the page is called; a name that is not one of ours is refused.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sluice {

// Immutable.
class KnownHosts {
 public:
  // `listen_host`: IP address on which the server listens, without brackets. Of a wildcard every IP
  // address is known, since a page whose address is a number is served by that very number.
  // localhost and the loopback addresses always are; `others` as well.
  KnownHosts(const std::string& listen_host, std::vector<std::string> others);

  // `host`: as in the header, with or without port and brackets. None is not known.
  bool Has(absl::string_view host) const;

 private:
  bool is_wildcard_;
  std::vector<std::string> known_;  // In lower case, without port and brackets.
};

}  // namespace sluice
