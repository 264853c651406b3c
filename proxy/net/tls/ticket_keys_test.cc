#include "proxy/net/tls/ticket_keys.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::net::tls {
namespace {

std::string Seal(const TicketKeys& keys, const std::string& text) {
  std::string sealed(text.size() + TicketKeys::kOverhead, '\0');
  size_t size = 0;
  EXPECT_TRUE(keys.Seal(reinterpret_cast<uint8_t*>(sealed.data()), &size, sealed.size(),
                        reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  sealed.resize(size);
  return sealed;
}

std::string Open(const TicketKeys& keys, const std::string& sealed) {
  std::string text(sealed.size(), '\0');
  size_t size = 0;
  const bool ok = keys.Open(reinterpret_cast<uint8_t*>(text.data()), &size, text.size(),
                            reinterpret_cast<const uint8_t*>(sealed.data()), sealed.size());
  return ok ? text.substr(0, size) : "refused";
}

TEST(TicketKeysTest, ATicketOutlivesTwoRotationsAndNotThree) {
  TicketKeys keys;
  const std::string ticket = Seal(keys, "session");
  keys.Rotate();
  keys.Rotate();
  EXPECT_EQ(Open(keys, ticket), "session");
  keys.Rotate();
  EXPECT_EQ(Open(keys, ticket), "refused");
}

TEST(TicketKeysTest, ATicketOfOtherKeysIsRefused) {
  EXPECT_EQ(Open(TicketKeys(), Seal(TicketKeys(), "session")), "refused");
}

TEST(TicketKeysTest, AChangedTicketIsRefused) {
  const TicketKeys keys;
  const std::string ticket = Seal(keys, "session");
  for (size_t i = 0; i < ticket.size(); ++i) {
    std::string changed = ticket;
    changed[i] ^= 1;
    EXPECT_EQ(Open(keys, changed), "refused") << i;
  }
  EXPECT_EQ(Open(keys, ticket.substr(0, TicketKeys::kOverhead - 1)), "refused");
}

TEST(TicketKeysTest, OthersWithTheSameKeysOpenIt) {
  TicketKeys::Key key{};
  key.name[0] = 1;
  TicketKeys one;
  TicketKeys other;
  one.Set({key});
  other.Set({key});
  EXPECT_EQ(Open(other, Seal(one, "session")), "session");
}

}  // namespace
}  // namespace sluice::net::tls
