#include "proxy/server/socket_supply.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

namespace sluice::server {
namespace {

net::Address Loopback() { return *net::Address::Parse("127.0.0.1:0"); }

// So many sockets that share a port, as a process with that many workers has them.
std::vector<net::Fd> ListenOnOnePort(size_t count) {
  std::vector<net::Fd> fds;
  fds.push_back(*net::Listen(Loopback(), 128));
  const net::Address address = net::LocalAddress(fds[0].get());
  while (fds.size() < count) fds.push_back(*net::Listen(address, 128));
  return fds;
}

std::vector<ListeningSockets> TakeInherited(SocketSupply& supply, std::vector<net::Fd> fds) {
  const net::Address address = net::LocalAddress(fds[0].get());
  supply.Inherit(address, std::move(fds));
  return *supply.Take("public", address);
}

size_t CountWaiting(const std::vector<ListeningSockets>& parts) {
  size_t waiting = 0;
  for (const ListeningSockets& part : parts) {
    for (const net::Fd& fd : part.fds) {
      while (net::Fd(accept(fd.get(), nullptr, nullptr)).is_open()) ++waiting;
    }
  }
  return waiting;
}

TEST(SocketSupplyTest, AnAddressIsBoundOnceForEachWorker) {
  SocketSupply supply(3);
  const net::Address address =
      net::LocalAddress(net::Listen(Loopback(), 1)->get());  // Free again by now.
  const auto parts = supply.Take("public", address);
  ASSERT_TRUE(parts.ok()) << parts.status();
  ASSERT_EQ(parts->size(), 3u);
  for (const ListeningSockets& part : *parts) {
    EXPECT_EQ(part.fds.size(), 1u);
    EXPECT_FALSE(part.is_shared);
  }
}

TEST(SocketSupplyTest, FewerWorkersTakeEveryQueueOfMore) {
  std::vector<net::Fd> before = ListenOnOnePort(5);
  const net::Address address = net::LocalAddress(before[0].get());
  std::vector<net::Fd> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(*net::StartConnect(address));
  SocketSupply supply(2);
  const std::vector<ListeningSockets> parts = TakeInherited(supply, std::move(before));
  EXPECT_EQ(parts[0].fds.size(), 3u);
  EXPECT_EQ(parts[1].fds.size(), 2u);
  EXPECT_EQ(CountWaiting(parts), 50u);
}

TEST(SocketSupplyTest, MoreWorkersBindFurtherSocketsBeside) {
  SocketSupply supply(4);
  const std::vector<ListeningSockets> parts = TakeInherited(supply, ListenOnOnePort(2));
  for (const ListeningSockets& part : parts) {
    ASSERT_EQ(part.fds.size(), 1u);
    EXPECT_FALSE(part.is_shared);
  }
  EXPECT_FALSE(net::IsSameSocket(parts[0].fds[0].get(), parts[2].fds[0].get()));
}

TEST(SocketSupplyTest, SeveralDescriptorsOfASocketAreOne) {
  std::vector<net::Fd> fds = ListenOnOnePort(1);
  fds.push_back(net::Duplicate(fds[0].get()));
  SocketSupply supply(1);
  EXPECT_EQ(TakeInherited(supply, std::move(fds))[0].fds.size(), 1u);
}

// A process with another configuration than the one before it.
TEST(SocketSupplyTest, InheritedSocketsGoToTheListenerThatCoversTheirAddress) {
  std::vector<net::Fd> before = ListenOnOnePort(3);
  const net::Address narrow = net::LocalAddress(before[0].get());
  std::vector<net::Fd> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(*net::StartConnect(narrow));
  SocketSupply supply(2);
  supply.Inherit(narrow, std::move(before));
  const auto parts = supply.Take("public", net::Address(net::IpAddress::V4(0), narrow.port()));
  ASSERT_TRUE(parts.ok()) << parts.status();
  EXPECT_EQ(CountWaiting(*parts), 20u);
  EXPECT_EQ((*parts)[0].fds.size() + (*parts)[1].fds.size(), 5u);
}

// As a service manager opens it: alone on its port.
GivenSocket Given(std::string name) {
  net::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t length = Loopback().ToSockaddr(storage);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length), 0);
  EXPECT_EQ(listen(fd.get(), 16), 0);
  EXPECT_TRUE(net::AdoptListening(fd.get()).ok());
  const net::Address address = net::LocalAddress(fd.get());
  return {std::move(name), address, std::move(fd)};
}

TEST(SocketSupplyTest, AGivenSocketIsSharedByAllWorkersEveryTimeItIsWanted) {
  SocketSupply supply(3);
  GivenSocket given = Given("sluice");
  const net::Address address = given.address;
  const int fd = given.fd.get();
  supply.Give(std::move(given));
  for (int time = 0; time < 2; ++time) {
    const auto parts = supply.Take("public", address);
    ASSERT_TRUE(parts.ok()) << parts.status();
    for (const ListeningSockets& part : *parts) {
      ASSERT_EQ(part.fds.size(), 1u);
      EXPECT_TRUE(part.is_shared);
      EXPECT_TRUE(net::IsSameSocket(part.fds[0].get(), fd));
    }
  }
}

TEST(SocketSupplyTest, AGivenSocketMayBeMeantByItsName) {
  SocketSupply supply(1);
  supply.Give(Given("other"));
  GivenSocket given = Given("public");
  const int fd = given.fd.get();
  supply.Give(std::move(given));
  const auto parts = supply.Take("public", *net::Address::Parse("127.0.0.1:1"));
  ASSERT_TRUE(parts.ok()) << parts.status();
  EXPECT_TRUE(net::IsSameSocket((*parts)[0].fds[0].get(), fd));
}

TEST(SocketSupplyTest, WhatDoesNotListenIsNotAdopted) {
  const net::Fd connecting = *net::StartConnect(*net::Address::Parse("127.0.0.1:1"));
  EXPECT_FALSE(net::AdoptListening(connecting.get()).ok());
  EXPECT_FALSE(net::AdoptListening(STDERR_FILENO).ok());
}

}  // namespace
}  // namespace sluice::server
