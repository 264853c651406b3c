// Any messages of a predecessor: what is taken of them is whole, and no error repeats a secret.
//
// Input: messages, one a line: a digit, how many descriptors come with it, then its text.
#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "proxy/server/handover/inheritance.h"

namespace {

using namespace sluice::server::handover;  // NOLINT(google-build-using-namespace)
using sluice::net::Fd;

void Check(bool holds) {
  if (!holds) std::abort();
}

Packet ReadPacket(absl::string_view line) {
  Packet packet{std::string(line.substr(1)), {}};
  for (char i = '0'; i < line[0] && line[0] <= '9'; ++i) {
    packet.fds.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  return packet;
}

void CheckWhole(const Inheritance& all) {
  for (const Inheritance::Listener& listener : all.listeners) {
    Check(!listener.fds.empty());
    for (const Fd& fd : listener.fds) Check(fd.is_open());
  }
  for (const auto& given : all.given) Check(given.fd.is_open());
  for (const Inheritance::Tickets& tickets : all.tickets) Check(!tickets.keys.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  Inheritance all;
  for (const absl::string_view line : absl::StrSplit(input, '\n', absl::SkipEmpty())) {
    Packet packet = ReadPacket(line);
    const bool is_ticket = absl::StartsWith(packet.text, "ticket ");
    const absl::StatusOr<bool> is_end = TakePacket(std::move(packet), all);
    CheckWhole(all);
    if (is_end.ok()) Check(!*is_end || all.lock.is_open());
    if (!is_end.ok() && is_ticket) {
      Check(is_end.status().message() == "handover: \"ticket\" is not as it should be");
    }
  }
  return 0;
}
