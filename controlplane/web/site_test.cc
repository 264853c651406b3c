// What the site answers, from real parts and over a real connection.
#include "controlplane/web/site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/resource/json_tree.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/store/testing/temp_dir.h"
#include "controlplane/web/http_server.h"
#include "controlplane/web/testing/http_client.h"

namespace sluice::web {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUpstream[] =
    R"({"kind": "Upstream", "name": "u", "endpoints": [{"address": "10.0.0.1:80"}]})";
constexpr char kRoute[] = R"({"kind": "Route", "name": "r", "paths": ["/a"], "upstream": "u"})";

std::string Both() { return absl::StrCat("{\"resources\": [", kUpstream, ",", kRoute, "]}"); }

class SiteTest : public ::testing::Test {
 protected:
  SiteTest() {
    EXPECT_TRUE(fleet_.Start().ok());
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd, 16), 0);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    server_ = *HttpServer::Start(fd, {}, [this](Request request, Respond respond) {
      site_.Handle(std::move(request), std::move(respond));
    });
  }
  ~SiteTest() override {
    server_.reset();
    loop_.Stop();
  }

  Answer Get(const std::string& target) { return Call(port_, "GET", target); }
  Answer Post(const std::string& target, const std::string& body) {
    return Call(port_, "POST", target, body);
  }
  Answer Delete(const std::string& target) { return Call(port_, "DELETE", target); }

  store::TempDir dir_;
  SystemClock clock_;
  std::unique_ptr<store::SqliteStore> store_ = *store::SqliteStore::Open(dir_.path(), {});
  std::unique_ptr<store::Ledger> ledger_ = *store::Ledger::Open(*store_, clock_);
  loop::Loop loop_{clock_};
  fleet::Fleet fleet_{*ledger_, loop_, {}};
  std::unique_ptr<admin::AdminService> admin_ = *admin::AdminService::Open(
      *ledger_, clock_,
      [](absl::Span<const admin::PlannedChange>) { return std::vector<resource::Problem>(); });
  Site site_{*admin_, fleet_, clock_, Gate("127.0.0.1", {})};
  std::unique_ptr<HttpServer> server_;
  uint16_t port_ = 0;
};

TEST_F(SiteTest, WhatIsAppliedCanBeRead) {
  const Answer applied = Post("/v1/apply?message=why&author=me", Both());
  EXPECT_EQ(applied.status, 200);
  EXPECT_THAT(applied.body, HasSubstr(R"("generation":1)"));
  EXPECT_THAT(applied.body, HasSubstr(R"("kind":"Route","name":"r","action":"created")"));
  const Answer one = Get("/v1/routes/r");
  EXPECT_EQ(one.body, R"({"kind":"Route","name":"r","paths":["/a"],"upstream":"u"})"
                      "\n");
  EXPECT_EQ(one.headers.at("sluice-generation"), "1");
  EXPECT_THAT(Get("/v1/upstreams").body, HasSubstr(R"("generation":1,"resources":[{"kind":"Up)"));
  EXPECT_THAT(Get("/v1/all").body, HasSubstr(R"("kind":"Route")"));
  EXPECT_THAT(Get("/v1/generations").body, HasSubstr(R"("author":"me")"));
}

TEST_F(SiteTest, ABodyMayBeOneResourceOrAList) {
  EXPECT_EQ(Post("/v1/apply", kUpstream).status, 200);
  EXPECT_EQ(Post("/v1/apply", absl::StrCat("[", kRoute, "]")).status, 200);
}

TEST_F(SiteTest, EveryProblemOfABodyIsToldAndNothingIsCommitted) {
  const Answer answer = Post("/v1/apply", R"({"kind": "Route", "name": "r", "pats": ["/a"],
                                             "upstream": "nowhere", "timeout": "25h"})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr(R"("field":"pats")"));
  EXPECT_THAT(answer.body, HasSubstr(R"("field":"timeout")"));
  EXPECT_THAT(answer.body, HasSubstr("nowhere"));
  EXPECT_THAT(Get("/v1/generations").body, HasSubstr("[]"));
}

TEST_F(SiteTest, ValidatingCommitsNothing) {
  EXPECT_EQ(Post("/v1/validate", Both()).status, 200);
  EXPECT_EQ(Post("/v1/validate", kRoute).status, 409);
  EXPECT_THAT(Get("/v1/generations").body, HasSubstr("[]"));
}

TEST_F(SiteTest, ADryRunCommitsNothing) {
  EXPECT_THAT(Post("/v1/apply?dry_run", Both()).body, HasSubstr(R"("dry_run":true)"));
  EXPECT_THAT(Get("/v1/generations").body, HasSubstr("[]"));
}

TEST_F(SiteTest, WhatIsReferredToIsNotDeleted) {
  Post("/v1/apply", Both());
  const Answer refused = Delete("/v1/upstreams/u");
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("Route"));
  EXPECT_EQ(Delete("/v1/routes/r").status, 200);
  EXPECT_EQ(Delete("/v1/upstreams/u").status, 200);
  EXPECT_EQ(Delete("/v1/upstreams/u").status, 404);
}

TEST_F(SiteTest, AnExpectationThatDoesNotHoldIsAConflict) {
  Post("/v1/apply", Both());
  Post("/v1/apply", R"({"kind": "Route", "name": "r", "paths": ["/b"], "upstream": "u"})");
  EXPECT_EQ(Post("/v1/apply?expect=1", kRoute).status, 409);
  EXPECT_EQ(Post("/v1/apply?expect=2", kRoute).status, 200);
}

TEST_F(SiteTest, TheDifferenceOfTwoGenerationsIsShown) {
  Post("/v1/apply", Both());
  Post("/v1/apply", R"({"kind": "Route", "name": "r", "paths": ["/b"], "upstream": "u"})");
  const Answer answer = Get("/v1/diff?from=1&to=2");
  EXPECT_THAT(answer.body, HasSubstr(R"("action":"updated","fields":["paths)"));
  EXPECT_THAT(answer.body, Not(HasSubstr("Upstream")));
  EXPECT_EQ(Get("/v1/diff?from=7").status, 404);
}

TEST_F(SiteTest, ARollbackCommitsWhatWas) {
  Post("/v1/apply", Both());
  Post("/v1/apply", R"({"kind": "Route", "name": "r", "paths": ["/b"], "upstream": "u"})");
  EXPECT_THAT(Post("/v1/rollback", R"({"generation": 1})").body, HasSubstr(R"("generation":3)"));
  EXPECT_THAT(Get("/v1/routes/r").body, HasSubstr("/a"));
  EXPECT_THAT(Get("/v1/routes/r?generation=2").body, HasSubstr("/b"));
  EXPECT_EQ(Post("/v1/rollback", "{}").status, 400);
}

TEST_F(SiteTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(Get("/v1/routes/none").status, 404);
  EXPECT_EQ(Get("/v1/rotues").status, 404);
  EXPECT_EQ(Get("/").status, 404);
  EXPECT_EQ(Get("/v1/routes/r/x").status, 404);
  EXPECT_EQ(Get("/v1/routes?generation=9").status, 404);
}

TEST_F(SiteTest, AMethodThatAPathDoesNotHaveIsRefused) {
  const Answer answer = Get("/v1/apply");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.headers.at("allow"), "POST");
  EXPECT_EQ(Call(port_, "OPTIONS", "/v1/routes/r").status, 405);
}

TEST_F(SiteTest, AnUnknownParameterIsRefused) {
  EXPECT_EQ(Get("/v1/generations?limt=1").status, 400);
  EXPECT_EQ(Get("/v1/generations?limit=x").status, 400);
}

TEST_F(SiteTest, AFormOfAnotherPageIsRefused) {
  EXPECT_EQ(Call(port_, "POST", "/v1/apply", kUpstream, "text/plain").status, 415);
  EXPECT_EQ(
      Exchange(port_, "GET /v1/all HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
          .status,
      403);
}

TEST_F(SiteTest, HealthAndReadinessAreToldApart) {
  EXPECT_EQ(Get("/healthz").status, 200);
  EXPECT_EQ(Get("/readyz").status, 503);
  site_.SetReady(true);
  EXPECT_EQ(Get("/readyz").status, 200);
}

TEST_F(SiteTest, HeadIsGetWithoutABody) {
  const Answer answer = Call(port_, "HEAD", "/v1/routes");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
}

// Each line is a comment or "NAME{LABELS} VALUE", each name has one HELP and one TYPE before it.
TEST_F(SiteTest, MetricsAreInPrometheusForm) {
  const Answer answer = Get("/metrics");
  EXPECT_THAT(answer.body, HasSubstr("sluice_build_info{program=\"sluice-controlplane\""));
  EXPECT_THAT(answer.body, HasSubstr("\nsluice_fleet_proxies{state=\"active\"} 0\n"));
  std::map<std::string, int> types;
  for (absl::string_view line : absl::StrSplit(answer.body, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words[0] == "#") {
      if (words[1] == "TYPE") ++types[std::string(words[2])];
      continue;
    }
    ASSERT_EQ(words.size(), 2u) << line;
  }
  for (const auto& [name, count] : types) EXPECT_EQ(count, 1) << name;
}

TEST_F(SiteTest, ProxiesAreListed) { EXPECT_EQ(Get("/v1/proxies").body, "{\"proxies\":[]}\n"); }

// What the document says about itself is whole: every reference leads somewhere.
TEST_F(SiteTest, TheOpenApiDocumentIsWhole) {
  const std::string document = Get("/v1/openapi.json").body;
  int trees = 0;
  const auto on_node = [&trees](resource::Node&&) { ++trees; };
  const auto on_problem = [](uint32_t, std::string problem, std::string) {
    ADD_FAILURE() << problem;
  };
  resource::ParseJson(document, {on_node, on_problem});
  EXPECT_EQ(trees, 1);
  constexpr absl::string_view kReference = "\"$ref\":\"#/components/schemas/";
  for (size_t at = document.find(kReference.data()); at != std::string::npos;
       at = document.find(kReference.data(), at + 1)) {
    const size_t begin = at + kReference.size();
    const std::string name = document.substr(begin, document.find('"', begin) - begin);
    EXPECT_THAT(document, HasSubstr(absl::StrCat("\"", name, "\":{"))) << name;
  }
  EXPECT_THAT(document, HasSubstr("\"/v1/{kind}/{name}\":{"));
  EXPECT_THAT(document, HasSubstr("\"limit_count\":"));
}

}  // namespace
}  // namespace sluice::web
