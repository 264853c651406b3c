#include "proxy/server/handover/inheritance.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace sluice::server::handover {
namespace {

using Key = net::tls::TicketKeys::Key;

absl::Status Bad(absl::string_view text) {
  // Not the whole of it: a ticket's secret may be in there.
  return absl::InvalidArgumentError(
      absl::StrCat("handover: \"", text.substr(0, text.find(' ')), "\" is not as it should be"));
}

template <size_t kBytes>
std::string ToHex(const std::array<uint8_t, kBytes>& bytes) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), kBytes));
}

template <size_t kBytes>
bool FromHex(absl::string_view text, std::array<uint8_t, kBytes>& bytes) {
  const bool is_hex =
      text.size() == 2 * kBytes && std::all_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_isxdigit(static_cast<unsigned char>(c));
      });
  if (!is_hex) return false;
  const std::string plain = absl::HexStringToBytes(text);
  std::memcpy(bytes.data(), plain.data(), kBytes);
  return true;
}

absl::Status SendListener(int socket, const Inheritance::Listener& listener) {
  const std::string text = absl::StrCat("listener ", listener.address.ToString());
  std::vector<int> some;
  for (const net::Fd& fd : listener.fds) {
    some.push_back(fd.get());
    if (some.size() < kMaxFds) continue;
    RETURN_IF_ERROR(Send(socket, text, some));
    some.clear();
  }
  return some.empty() ? absl::OkStatus() : Send(socket, text, some);
}

absl::Status TakeListener(Packet& packet, absl::string_view text, Inheritance& inheritance) {
  const auto address = net::Address::Parse(text);
  if (!address.has_value() || packet.fds.empty()) return Bad(packet.text);
  inheritance.listeners.push_back({*address, std::move(packet.fds)});
  return absl::OkStatus();
}

absl::Status TakeGiven(Packet& packet, absl::string_view text, Inheritance& inheritance) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(' ', 1));
  const auto address = net::Address::Parse(parts.first);
  if (!address.has_value() || packet.fds.size() != 1) return Bad(packet.text);
  inheritance.given.push_back({std::string(parts.second), *address, std::move(packet.fds[0])});
  return absl::OkStatus();
}

absl::Status TakeTicket(absl::string_view text, Inheritance& inheritance) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ' ');
  Key key;
  if (parts.size() != 3 || !FromHex(parts[1], key.name) || !FromHex(parts[2], key.secret)) {
    return Bad("ticket");
  }
  // Those of one listener follow one another.
  std::vector<Inheritance::Tickets>& all = inheritance.tickets;
  if (all.empty() || all.back().listener != parts[0]) all.push_back({std::string(parts[0]), {}});
  all.back().keys.push_back(key);
  return absl::OkStatus();
}

}  // namespace

absl::Status SendInheritance(int socket, const Inheritance& inheritance) {
  RETURN_IF_ERROR(Send(socket, "lock", {inheritance.lock.get()}));
  for (const Inheritance::Listener& listener : inheritance.listeners) {
    RETURN_IF_ERROR(SendListener(socket, listener));
  }
  for (const GivenSocket& given : inheritance.given) {
    RETURN_IF_ERROR(Send(socket, absl::StrCat("given ", given.address.ToString(), " ", given.name),
                         {given.fd.get()}));
  }
  if (inheritance.admin.is_open()) {
    RETURN_IF_ERROR(
        Send(socket, absl::StrCat("admin ", inheritance.admin_address), {inheritance.admin.get()}));
  }
  for (const Inheritance::Tickets& tickets : inheritance.tickets) {
    for (const Key& key : tickets.keys) {
      RETURN_IF_ERROR(Send(socket, absl::StrCat("ticket ", tickets.listener, " ", ToHex(key.name),
                                                " ", ToHex(key.secret))));
    }
  }
  return Send(socket, absl::StrCat("end ", inheritance.generation));
}

absl::StatusOr<bool> TakePacket(Packet packet, Inheritance& inheritance) {
  const std::string text = packet.text;
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(' ', 1));
  const absl::string_view rest = parts.second;
  if (parts.first == kRefused) return absl::FailedPreconditionError(rest);
  if (parts.first == "lock" || parts.first == "admin") {
    if (packet.fds.size() != 1) return Bad(text);
    const bool is_admin = parts.first == "admin";
    if (is_admin) inheritance.admin_address = std::string(rest);
    (is_admin ? inheritance.admin : inheritance.lock) = std::move(packet.fds[0]);
  } else if (parts.first == "listener") {
    RETURN_IF_ERROR(TakeListener(packet, rest, inheritance));
  } else if (parts.first == "given") {
    RETURN_IF_ERROR(TakeGiven(packet, rest, inheritance));
  } else if (parts.first == "ticket") {
    RETURN_IF_ERROR(TakeTicket(rest, inheritance));
  } else if (parts.first == "end") {
    if (!absl::SimpleAtoi(rest, &inheritance.generation) || !inheritance.lock.is_open()) {
      return Bad(text);
    }
    return true;
  }
  return false;
}

}  // namespace sluice::server::handover
