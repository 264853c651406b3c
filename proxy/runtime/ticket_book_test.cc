#include "proxy/runtime/ticket_book.h"

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

using net::tls::TicketKeys;

std::string Seal(const TicketKeys& keys) {
  const std::string text = "session";
  std::string sealed(text.size() + TicketKeys::kOverhead, '\0');
  size_t size = 0;
  EXPECT_TRUE(keys.Seal(reinterpret_cast<uint8_t*>(sealed.data()), &size, sealed.size(),
                        reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  return sealed;
}

bool Opens(const TicketKeys& keys, const std::string& sealed) {
  std::string text(sealed.size(), '\0');
  size_t size = 0;
  return keys.Open(reinterpret_cast<uint8_t*>(text.data()), &size, text.size(),
                   reinterpret_cast<const uint8_t*>(sealed.data()), sealed.size());
}

std::string KeyOf(char fill) { return std::string(48, fill); }

TEST(TicketBookTest, TwoThatWereGivenTheSameKeysOpenEachOthersTickets) {
  TicketBook one;
  TicketBook other;
  one.Give({"web", KeyOf('a') + KeyOf('b')});
  other.Give({"web", KeyOf('b') + KeyOf('a')});
  EXPECT_TRUE(Opens(*other.Of("web"), Seal(*one.Of("web"))));
  EXPECT_TRUE(Opens(*one.Of("web"), Seal(*other.Of("web"))));
}

TEST(TicketBookTest, ListenersShareNothing) {
  TicketBook book;
  EXPECT_FALSE(Opens(*book.Of("web"), Seal(*book.Of("admin"))));
}

TEST(TicketBookTest, WhatIsGivenHoldsForGenerationsThatAreThereAlready) {
  TicketBook book;
  const auto keys = book.Of("web");
  book.Give({"web", KeyOf('a')});
  TicketBook other;
  other.Give({"web", KeyOf('a')});
  EXPECT_TRUE(Opens(*keys, Seal(*other.Of("web"))));
}

TEST(TicketBookTest, OnlyItsOwnKeysAreRotatedHere) {
  TicketBook book;
  book.Give({"given", KeyOf('a')});
  const std::string given = Seal(*book.Of("given"));
  const std::string own = Seal(*book.Of("own"));
  for (int i = 0; i < 3; ++i) book.RotateOwn();
  EXPECT_TRUE(Opens(*book.Of("given"), given));
  EXPECT_FALSE(Opens(*book.Of("own"), own));
}

TEST(TicketBookTest, ASuccessorOpensWhatWasSealedBefore) {
  TicketBook before;
  before.Give({"given", KeyOf('a')});
  const std::string given = Seal(*before.Of("given"));
  const std::string own = Seal(*before.Of("own"));
  TicketBook successor;
  for (TicketBook::Keys& keys : before.Copy()) successor.Inherit(std::move(keys));
  EXPECT_TRUE(Opens(*successor.Of("given"), given));
  EXPECT_TRUE(Opens(*successor.Of("own"), own));
}

TEST(TicketBookTest, KeysThatAreTakenBackOpenNothingMore) {
  TicketBook book;
  book.Give({"web", KeyOf('a')});
  const std::string ticket = Seal(*book.Of("web"));
  book.TakeBack("web");
  EXPECT_FALSE(Opens(*book.Of("web"), ticket));
  EXPECT_TRUE(Opens(*book.Of("web"), Seal(*book.Of("web"))));
}

}  // namespace
}  // namespace sluice::runtime
