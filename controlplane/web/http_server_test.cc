#include "controlplane/web/http_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "controlplane/web/testing/http_client.h"

namespace sluice::web {
namespace {

class HttpServerTest : public ::testing::Test {
 protected:
  void Start(Handler handler, HttpServer::Options options = {}) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(fd, 16), 0);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    auto server = HttpServer::Start(fd, options, std::move(handler));
    ASSERT_TRUE(server.ok());
    server_ = *std::move(server);
  }

  // Answers with what it was asked.
  static void Echo(Request request, Respond respond) {
    Response response;
    response.content_type = "text/plain";
    absl::StrAppend(&response.body, request.method, " ", request.path);
    for (const auto& [name, value] : request.parameters) {
      absl::StrAppend(&response.body, " ", name, "=", value);
    }
    absl::StrAppend(&response.body, " ", request.body);
    response.headers.emplace_back("X-Peer", request.peer);
    std::move(respond)(std::move(response));
  }

  uint16_t port_ = 0;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, ARequestArrivesWhole) {
  Start(&Echo);
  const Answer answer = Call(port_, "POST", "/a%20b?x=1&y=%26&z", "the body");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "POST /a b x=1 y=& z= the body");
  EXPECT_EQ(answer.headers.at("content-type"), "text/plain");
  EXPECT_EQ(answer.headers.at("x-peer").rfind("127.0.0.1:", 0), 0u);
}

TEST_F(HttpServerTest, AChunkedBodyArrivesWhole) {
  Start(&Echo);
  const Answer answer =
      Exchange(port_,
               "POST /c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
               "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n4\r\n two\r\n0\r\n\r\n");
  EXPECT_EQ(answer.body, "POST /c one two");
}

TEST_F(HttpServerTest, NoBrowserKeepsOrGuessesWhatItGets) {
  Start(&Echo);
  const Answer answer = Call(port_, "GET", "/");
  EXPECT_EQ(answer.headers.at("cache-control"), "no-store");
  EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(answer.headers.count("access-control-allow-origin"), 0u);
}

TEST_F(HttpServerTest, AnAnswerMayComeLaterAndFromAnotherThread) {
  std::thread answering;
  Start([&answering](Request request, Respond respond) {
    answering = std::thread([request = std::move(request), respond = std::move(respond)]() mutable {
      Echo(std::move(request), std::move(respond));
    });
  });
  EXPECT_EQ(Call(port_, "GET", "/later").body, "GET /later ");
  answering.join();
}

TEST_F(HttpServerTest, OneSlowAnswerHoldsNobodyUp) {
  Mutex mu;
  std::unique_ptr<Respond> slow;
  Start([&mu, &slow](Request request, Respond respond) {
    if (request.path != "/slow") return Echo(std::move(request), std::move(respond));
    MutexLock lock(mu);
    slow = std::make_unique<Respond>(std::move(respond));
  });
  std::thread waiting([this] { EXPECT_EQ(Call(port_, "GET", "/slow").status, 204); });
  for (bool is_asked = false; !is_asked;) {
    EXPECT_EQ(Call(port_, "GET", "/fast").status, 200);
    MutexLock lock(mu);
    is_asked = slow != nullptr;
  }
  Response response;
  response.status = 204;
  std::move (*slow)(std::move(response));
  waiting.join();
}

TEST_F(HttpServerTest, WhatIsNotAnsweredIs503) {
  Start([](Request, Respond) {});
  EXPECT_EQ(Call(port_, "GET", "/").status, 503);
}

TEST_F(HttpServerTest, ABodyThatSaysItIsTooLongIsNotRead) {
  Start(&Echo, {.max_body_bytes = 10});
  EXPECT_EQ(Exchange(port_,
                     "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n"
                     "Connection: close\r\n\r\n")
                .status,
            413);
}

TEST_F(HttpServerTest, ABodyThatTurnsOutTooLongIsRefused) {
  Start(&Echo, {.max_body_bytes = 10});
  EXPECT_EQ(Exchange(port_,
                     "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                     "Connection: close\r\n\r\nb\r\nhello world\r\n0\r\n\r\n")
                .status,
            413);
}

TEST_F(HttpServerTest, AllBodiesTogetherHaveALimit) {
  Start(&Echo, {.max_body_bytes = 100, .max_memory_bytes = 10});
  EXPECT_EQ(Call(port_, "POST", "/", "hello world").status, 503);
  EXPECT_EQ(Call(port_, "POST", "/", "hello").status, 200);
  EXPECT_EQ(Call(port_, "POST", "/", "again").status, 200);
}

TEST_F(HttpServerTest, WhatIsNoHttpReachesNobody) {
  Start([](Request request, Respond) { ADD_FAILURE() << request.path; });
  EXPECT_NE(Exchange(port_, "nonsense\r\n\r\n").status, 200);
  EXPECT_EQ(Exchange(port_, "GET / HTTP/1.1\r\nHost : a\r\nConnection: close\r\n\r\n").status, 400);
}

TEST_F(HttpServerTest, StoppingWaitsForAnswers) {
  std::thread answering;
  Mutex mu;
  CondVar changed;
  bool may_answer = false;
  Start([&](Request request, Respond respond) {
    answering =
        std::thread([&, request = std::move(request), respond = std::move(respond)]() mutable {
          {
            MutexLock lock(mu);
            while (!may_answer) changed.Wait(mu);
          }
          Echo(std::move(request), std::move(respond));
        });
    MutexLock lock(mu);
    may_answer = true;
    changed.Signal();
  });
  std::thread asking([this] { Call(port_, "GET", "/"); });
  {
    MutexLock lock(mu);
    while (!may_answer) changed.Wait(mu);
    changed.Signal();
  }
  server_.reset();
  asking.join();
  answering.join();
}

}  // namespace
}  // namespace sluice::web
