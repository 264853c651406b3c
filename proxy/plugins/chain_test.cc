#include "proxy/plugins/chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/plugins/testing/plugin_harness.h"

namespace sluice::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// What happened, in order: "a.request_head".
using Trace = std::vector<std::string>;

// Writes down each hook that runs and stands still at those in `stops`.
class Recorder {
 public:
  struct Settings {
    std::string name;
    Trace* trace;
    std::vector<std::string> stops;
    int reply_status = 0;  // Of a stop: 0 only pauses.
  };

  explicit Recorder(const Settings& settings) : settings_(settings) { Note("made"); }
  ~Recorder() { Note("gone"); }

  Action OnRequestHead(Stream& stream) { return At("request_head", stream); }
  Action OnRequestBody(net::Buffer& body, bool end, Stream& stream) {
    return At("request_body:" + body.ToString() + (end ? "." : ""), stream);
  }
  Action OnRequestTrailers(http::HeaderMap&, Stream& stream) {
    return At("request_trailers", stream);
  }
  Action OnResponseHead(Stream& stream) { return At("response_head", stream); }
  Action OnResponseBody(net::Buffer& body, bool end, Stream& stream) {
    return At("response_body:" + body.ToString() + (end ? "." : ""), stream);
  }
  Action OnResponseTrailers(http::HeaderMap&, Stream& stream) {
    return At("response_trailers", stream);
  }
  void OnLog(const Stream&) { Note("log"); }

 private:
  void Note(const std::string& what) { settings_.trace->push_back(settings_.name + "." + what); }

  Action At(const std::string& what, Stream& stream) {
    Note(what);
    for (const std::string& stop : settings_.stops) {
      if (what.substr(0, stop.size()) != stop) continue;
      if (settings_.reply_status != 0) stream.Reply({.status = settings_.reply_status});
      return Action::kStop;
    }
    return Action::kContinue;
  }

  const Settings& settings_;
};

// Has one hook only, and state that needs no destructor.
class RequestHeadOnly {
 public:
  struct Settings {
    Trace* trace;
  };
  explicit RequestHeadOnly(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream&) {
    settings_.trace->push_back("only.request_head");
    return Action::kContinue;
  }

 private:
  const Settings& settings_;
};

// Says who calls, as an authentication plugin does.
class Authenticator {
 public:
  struct Settings {
    const Consumer* consumer;
  };
  explicit Authenticator(const Settings& settings) : settings_(settings) {}
  Action OnRequestHead(Stream& stream) {
    stream.SetConsumer(*settings_.consumer, "auth");
    return Action::kContinue;
  }

 private:
  const Settings& settings_;
};

class ChainTest : public ::testing::Test {
 protected:
  Element Plugin(const std::string& name, Phase phase, std::vector<std::string> stops = {},
                 int reply_status = 0) {
    return {name, phase, 0, Instantiate<Recorder>({name, &trace_, std::move(stops), reply_status})};
  }

  Element BodyPlugin(const std::string& name, BodyMode mode, std::vector<std::string> stops = {}) {
    return {name, Phase::kTransform, 0,
            Instantiate<Recorder>({name, &trace_, std::move(stops)}, mode, mode)};
  }

  // Of the trace what ends in or contains `hook`, as plugin names.
  std::vector<std::string> Order(const std::string& hook) const {
    std::vector<std::string> names;
    for (const std::string& entry : trace_) {
      const size_t dot = entry.find('.');
      if (entry.compare(dot + 1, hook.size(), hook) == 0) names.push_back(entry.substr(0, dot));
    }
    return names;
  }

  Trace trace_;
  PluginHarness harness_;
};

TEST_F(ChainTest, RequestsPassThePhasesInOrder) {
  harness_.Add(Plugin("transform", Phase::kTransform));
  harness_.Add(Plugin("access", Phase::kAccess));
  harness_.Add(Plugin("limit", Phase::kLimit));
  harness_.Add(Plugin("trace", Phase::kTrace));
  harness_.Add(Plugin("cache", Phase::kCache));
  harness_.Add(Plugin("authorize", Phase::kAuthorize));
  harness_.Add(Plugin("authenticate", Phase::kAuthenticate));
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("request_head"), ElementsAre("trace", "access", "authenticate", "authorize",
                                                 "limit", "transform", "cache"));
}

TEST_F(ChainTest, ResponsesPassInReverse) {
  harness_.Add(Plugin("a", Phase::kAccess));
  harness_.Add(Plugin("b", Phase::kAccess));
  harness_.Add(Plugin("c", Phase::kTransform));
  harness_.AddGlobal(Plugin("global", Phase::kAccess));
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("request_head"), ElementsAre("global", "a", "b", "c"));
  EXPECT_THAT(Order("response_head"), ElementsAre("c", "b", "a", "global"));
}

TEST_F(ChainTest, AGlobalRuleRunsFirstInEachPhaseAndNotBeforeEarlierOnes) {
  harness_.AddGlobal(Plugin("global_access", Phase::kAccess));
  harness_.AddGlobal(Plugin("global_limit", Phase::kLimit));
  harness_.Add(Plugin("access", Phase::kAccess));
  harness_.Add(Plugin("limit", Phase::kLimit));
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("request_head"),
              ElementsAre("global_access", "access", "global_limit", "limit"));
  EXPECT_THAT(Order("response_head"),
              ElementsAre("limit", "global_limit", "access", "global_access"));
}

TEST_F(ChainTest, OfOnePhaseThePlaceDecidesThenTheName) {
  Element first = Plugin("z", Phase::kAccess);
  first.place = -1;
  harness_.Add(Plugin("b", Phase::kAccess));
  harness_.Add(Plugin("a", Phase::kAccess));
  harness_.Add(std::move(first));
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("request_head"), ElementsAre("z", "a", "b"));
}

TEST_F(ChainTest, PluginOrderRulesWithinAPhaseOnly) {
  harness_.SetPluginOrder({"late", "c", "b"});
  harness_.Add(Plugin("a", Phase::kAccess));
  harness_.Add(Plugin("b", Phase::kAccess));
  harness_.Add(Plugin("c", Phase::kAccess));
  harness_.Add(Plugin("late", Phase::kTransform));
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("request_head"), ElementsAre("c", "b", "a", "late"));
}

TEST_F(ChainTest, SeveralGlobalRulesWithTheSamePluginAllRun) {
  harness_.AddGlobal(Plugin("same", Phase::kAccess));
  harness_.AddGlobal(Plugin("same", Phase::kAccess));
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("request_head"), ElementsAre("same", "same"));
}

TEST_F(ChainTest, MissingHooksAreNotCalled) {
  harness_.Add({"only", Phase::kAccess, 0, Instantiate<RequestHeadOnly>({&trace_})});
  harness_.Request("POST", "/", {}, {"body"});
  EXPECT_THAT(trace_, ElementsAre("only.request_head"));
}

TEST_F(ChainTest, AReplyEndsTheRequestAndTheResponseStillPassesEveryPlugin) {
  harness_.Add(Plugin("a", Phase::kAccess));
  harness_.Add(Plugin("refuses", Phase::kAuthenticate, {"request_head"}, 401));
  harness_.Add(Plugin("late", Phase::kTransform));
  harness_.Request("GET", "/");
  EXPECT_FALSE(harness_.was_forwarded());
  EXPECT_EQ(harness_.response().status, 401);
  EXPECT_THAT(Order("request_head"), ElementsAre("a", "refuses"));
  EXPECT_THAT(Order("response_head"), ElementsAre("late", "refuses", "a"));
}

TEST_F(ChainTest, ResumeGoesOnBehindThePluginThatStopped) {
  harness_.Add(Plugin("a", Phase::kAccess));
  harness_.Add(Plugin("pauses", Phase::kLimit, {"request_head"}));
  harness_.Add(Plugin("z", Phase::kTransform));
  harness_.Request("GET", "/");
  ASSERT_TRUE(harness_.is_paused());
  EXPECT_THAT(Order("request_head"), ElementsAre("a", "pauses"));
  harness_.stream().Resume();
  EXPECT_FALSE(harness_.is_paused());
  EXPECT_THAT(Order("request_head"), ElementsAre("a", "pauses", "z"));
}

TEST_F(ChainTest, APausedPluginMayReplyInstead) {
  harness_.Add(Plugin("pauses", Phase::kAccess, {"request_head"}));
  harness_.Request("GET", "/");
  harness_.stream().Reply({.status = 418});
  harness_.stream().Resume();
  EXPECT_EQ(harness_.response().status, 418);
  EXPECT_FALSE(harness_.was_forwarded());
}

TEST_F(ChainTest, EveryHookCanPause) {
  harness_.Add(BodyPlugin("p", BodyMode::Streamed(),
                          {"request_head", "request_body", "response_head", "response_body"}));
  harness_.Add(BodyPlugin("q", BodyMode::Streamed()));
  harness_.SetUpstreamResponse(200, {}, {"answer"});
  harness_.Request("POST", "/", {}, {"question"});
  for (int pauses = 0; pauses < 4; ++pauses) {
    ASSERT_TRUE(harness_.is_paused()) << pauses;
    harness_.stream().Resume();
  }
  EXPECT_FALSE(harness_.is_paused());
  EXPECT_EQ(harness_.request_body(), "question");
  EXPECT_EQ(harness_.response_body(), "answer");
  EXPECT_THAT(Order("request_body"), ElementsAre("p", "q"));
  EXPECT_THAT(Order("response_body"), ElementsAre("q", "p"));
}

TEST_F(ChainTest, AStreamedBodyPassesPieceByPieceAndEndsOnce) {
  harness_.Add(BodyPlugin("s", BodyMode::Streamed()));
  harness_.Request("POST", "/", {}, {"one", "two"});
  EXPECT_THAT(trace_, ElementsAre("s.made", "s.request_head", "s.request_body:one",
                                  "s.request_body:two.", "s.response_head", "s.log"));
}

TEST_F(ChainTest, AWholeBodyComesAtOnce) {
  harness_.Add(BodyPlugin("w", BodyMode::WholeUpTo(100)));
  harness_.Request("POST", "/", {}, {"one", "two"});
  EXPECT_THAT(Order("request_body:onetwo."), ElementsAre("w"));
}

TEST_F(ChainTest, StatesAreMadeAndDestroyedOnceEach) {
  {
    PluginHarness gone;
    gone.AddGlobal(Plugin("global", Phase::kTrace));
    gone.Add(Plugin("early", Phase::kAccess));
    gone.Add(Plugin("late", Phase::kLimit));
    gone.Request("GET", "/");
  }
  EXPECT_THAT(Order("made"), ElementsAre("global", "early", "late"));
  EXPECT_THAT(Order("gone"), UnorderedElementsAre("global", "early", "late"));
}

TEST_F(ChainTest, StatesOfAPartThatWasNeverReachedAreNotMade) {
  net::BlockPool pool(1 << 20);
  char memory[64];
  http::Arena arena(pool, memory, memory + sizeof(memory));
  {
    const auto early = Chain::Compile({Plugin("early", Phase::kAccess)});
    const auto late = Chain::Compile({Plugin("late", Phase::kLimit)});
    ChainRun run(arena);
    run.Begin(nullptr, early.get());
  }
  EXPECT_THAT(trace_, ElementsAre("early.made", "early.gone"));
}

struct alignas(16) Aligned {
  struct Settings {
    std::vector<uintptr_t>* addresses;
  };
  explicit Aligned(const Settings& settings) {
    settings.addresses->push_back(reinterpret_cast<uintptr_t>(this));
  }
  char byte = 0;
};

TEST_F(ChainTest, StatesAreAlignedAndApart) {
  std::vector<uintptr_t> addresses;
  harness_.Add(Plugin("odd", Phase::kAccess));
  harness_.Add({"x", Phase::kAccess, 1, Instantiate<Aligned>({&addresses})});
  harness_.Add({"y", Phase::kAccess, 2, Instantiate<Aligned>({&addresses})});
  harness_.Request("GET", "/");
  ASSERT_EQ(addresses.size(), 2u);
  EXPECT_EQ(addresses[0] % 16, 0u);
  EXPECT_EQ(addresses[1] - addresses[0], sizeof(Aligned));
}

TEST_F(ChainTest, LogRunsOnceAlsoAfterAReply) {
  harness_.Add(Plugin("a", Phase::kAccess, {"request_head"}, 403));
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("log"), ElementsAre("a"));
}

class OverlayTest : public ChainTest {
 protected:
  void Authenticate(std::vector<OverlayPlugins::Overlay> overlays) {
    consumer_.name = "alice";
    consumer_.overlay = std::make_shared<OverlayPlugins>(std::move(overlays));
    harness_.Add({"auth", Phase::kAuthenticate, 0, Instantiate<Authenticator>({&consumer_})});
  }

  Consumer consumer_;
};

TEST_F(OverlayTest, AConsumersPluginTakesThePlaceOfTheRoutesOfThatName) {
  Element own = {"limit", Phase::kLimit, 0, Instantiate<Recorder>({"consumers", &trace_, {}})};
  Authenticate({{own}});
  harness_.Add(Plugin("limit", Phase::kLimit));
  harness_.Add(Plugin("other", Phase::kTransform));
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("request_head"), ElementsAre("consumers", "other"));
}

TEST_F(OverlayTest, AConsumersPluginThatTheRouteLacksIsAddedAtItsPlace) {
  Authenticate({{Plugin("new", Phase::kLimit)}});
  harness_.Add(Plugin("authorize", Phase::kAuthorize));
  harness_.Add(Plugin("transform", Phase::kTransform));
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("request_head"), ElementsAre("authorize", "new", "transform"));
}

TEST_F(OverlayTest, DisabledRemovesTheRoutesPlugin) {
  Authenticate({{{.name = "limit"}, /*is_disabled=*/true}});
  harness_.Add(Plugin("limit", Phase::kLimit));
  harness_.Add(Plugin("other", Phase::kLimit));
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("request_head"), ElementsAre("other"));
}

TEST_F(OverlayTest, GlobalRulesAreNotReplaced) {
  Authenticate({{{.name = "limit"}, /*is_disabled=*/true}});
  harness_.AddGlobal(Plugin("limit", Phase::kLimit));
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("request_head"), ElementsAre("limit"));
}

TEST_F(OverlayTest, ALaterOverlayWinsOverAnEarlierOne) {
  Element group = {"limit", Phase::kLimit, 0, Instantiate<Recorder>({"group", &trace_, {}})};
  Element own = {"limit", Phase::kLimit, 0, Instantiate<Recorder>({"own", &trace_, {}})};
  Authenticate({{group}, {own}});
  harness_.Request("GET", "/");
  EXPECT_THAT(Order("request_head"), ElementsAre("own"));
}

// The walks themselves, where a harness would hide their order.
class ChainRunTest : public ChainTest {
 protected:
  // Keeps a stream to walk with.
  void SetUp() override { harness_.Request("GET", "/"); }

  net::Buffer Piece(absl::string_view text) {
    net::Buffer buffer;
    buffer.AppendCopy(pool_, text);
    return buffer;
  }

  net::BlockPool pool_{1 << 20};
  char memory_[1024];
  http::Arena arena_{pool_, memory_, memory_ + sizeof(memory_)};
};

TEST_F(ChainRunTest, AResponseWalksWhileARequestBodyHookStandsStill) {
  const auto early =
      Chain::Compile({Plugin("a", Phase::kAccess), Plugin("b", Phase::kAccess, {"request_body"}),
                      Plugin("c", Phase::kAccess)});
  ChainRun run(arena_);
  run.Begin(nullptr, early.get());
  run.SetLate(nullptr);
  run.RunRequestHeadEarly(harness_.stream());
  run.RunRequestHeadLate(harness_.stream());
  net::Buffer body = Piece("x");
  EXPECT_EQ(run.RunRequestBody(body, true, harness_.stream()), Action::kStop);
  EXPECT_EQ(run.RunResponseHead(harness_.stream()), Action::kContinue);
  EXPECT_EQ(run.RunRequestBody(body, true, harness_.stream()), Action::kContinue);
  EXPECT_THAT(Order("request_body"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Order("response_head"), ElementsAre("c", "b", "a"));
}

TEST_F(ChainRunTest, TrailersWalkLikeHeads) {
  const auto early = Chain::Compile({Plugin("a", Phase::kAccess), Plugin("b", Phase::kAccess)});
  ChainRun run(arena_);
  run.Begin(nullptr, early.get());
  http::HeaderMap trailers(arena_);
  EXPECT_TRUE(run.has_request_trailers());
  EXPECT_TRUE(run.has_response_trailers());
  run.RunRequestTrailers(trailers, harness_.stream());
  run.RunResponseTrailers(trailers, harness_.stream());
  EXPECT_THAT(Order("request_trailers"), ElementsAre("a", "b"));
  EXPECT_THAT(Order("response_trailers"), ElementsAre("b", "a"));
}

TEST_F(ChainRunTest, WithoutChainsEveryHookContinues) {
  ChainRun run(arena_);
  run.Begin(nullptr, nullptr);
  run.SetLate(nullptr);
  net::Buffer body = Piece("x");
  EXPECT_EQ(run.RunRequestHeadEarly(harness_.stream()), Action::kContinue);
  EXPECT_EQ(run.RunRequestHeadLate(harness_.stream()), Action::kContinue);
  EXPECT_EQ(run.RunRequestBody(body, true, harness_.stream()), Action::kContinue);
  EXPECT_EQ(run.RunResponseHead(harness_.stream()), Action::kContinue);
  EXPECT_FALSE(run.has_request_trailers());
  EXPECT_EQ(run.request_body().kind, BodyMode::Kind::kNone);
}

TEST_F(ChainRunTest, TheStrictestBodyModeOfAllChainsCounts) {
  const auto global = Chain::Compile({BodyPlugin("s", BodyMode::Streamed())});
  const auto early = Chain::Compile(
      {BodyPlugin("w", BodyMode::WholeUpTo(200)), BodyPlugin("v", BodyMode::WholeUpTo(100))});
  const auto late = Chain::Compile({BodyPlugin("n", BodyMode::None())});
  EXPECT_EQ(late->request_body().kind, BodyMode::Kind::kNone);
  EXPECT_EQ(global->response_body().kind, BodyMode::Kind::kStream);
  ChainRun run(arena_);
  run.Begin(global.get(), early.get());
  run.SetLate(late.get());
  EXPECT_EQ(run.request_body().kind, BodyMode::Kind::kWhole);
  EXPECT_EQ(run.request_body().max_bytes, 100u);
  EXPECT_EQ(run.response_body().max_bytes, 100u);
}

TEST(SortElementsTest, KeepsWhatIsEqualInItsOrder) {
  std::vector<Element> elements = {{"x", Phase::kLimit, 0, {}}, {"x", Phase::kLimit, 0, {}}};
  elements[0].instance.request_body = BodyMode::Streamed();
  SortElements(elements, {});
  EXPECT_EQ(elements[0].instance.request_body.kind, BodyMode::Kind::kStream);
}

}  // namespace
}  // namespace sluice::plugins
