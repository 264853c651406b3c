#include "proxy/exchange/retry.h"

#include "gtest/gtest.h"

namespace sluice::exchange {
namespace {

using http::Method;
using http::ResetReason;
using upstream::RetryOn;
using upstream::RetryPolicy;

Outcome Reset(ResetReason reason, bool has_sent_bytes = true, bool was_reused = false) {
  return {.reset = reason, .has_sent_bytes = has_sent_bytes, .was_reused = was_reused};
}

Outcome Status(int status, int grpc_status = -1) {
  return {.kind = Outcome::Kind::kStatus, .status = status, .grpc_status = grpc_status};
}

Outcome Timeout(bool has_sent_bytes = true) {
  return {.kind = Outcome::Kind::kTimeout, .has_sent_bytes = has_sent_bytes};
}

RetryPolicy On(std::initializer_list<RetryOn> conditions) {
  RetryPolicy policy;
  for (const RetryOn on : conditions) policy.Add(on);
  return policy;
}

TEST(RetryTest, WhatNeverReachedAServerIsRepeatedWhateverTheMethod) {
  for (const Method method : {Method::kGet, Method::kPost}) {
    EXPECT_EQ(Judge(nullptr, method, false, Reset(ResetReason::kConnectFailed)),
              Verdict::kHarmless);
    EXPECT_EQ(Judge(nullptr, method, false, Reset(ResetReason::kConnectTimeout)),
              Verdict::kHarmless);
    EXPECT_EQ(Judge(nullptr, method, false, Reset(ResetReason::kPeerRefused)), Verdict::kHarmless);
    for (const ResetReason tls :
         {ResetReason::kTlsFailed, ResetReason::kTlsUntrusted, ResetReason::kTlsNoProtocol}) {
      EXPECT_EQ(Judge(nullptr, method, false, Reset(tls)), Verdict::kHarmless);
    }
    EXPECT_EQ(Judge(nullptr, method, false, Reset(ResetReason::kPeerClosed, false)),
              Verdict::kHarmless);
  }
}

TEST(RetryTest, ADeadReusedConnectionIsHarmlessOnlyForIdempotentMethods) {
  const Outcome stale = Reset(ResetReason::kPeerClosed, true, /*was_reused=*/true);
  EXPECT_EQ(Judge(nullptr, Method::kGet, false, stale), Verdict::kHarmless);
  EXPECT_EQ(Judge(nullptr, Method::kPost, false, stale), Verdict::kFinal);
}

TEST(RetryTest, WithoutAPolicyAFailureIsPassedOn) {
  EXPECT_EQ(Judge(nullptr, Method::kGet, false, Reset(ResetReason::kPeerClosed)), Verdict::kFinal);
  EXPECT_EQ(Judge(nullptr, Method::kGet, false, Reset(ResetReason::kPeerReset)), Verdict::kFinal);
  EXPECT_EQ(Judge(nullptr, Method::kGet, false, Status(503)), Verdict::kFinal);
  EXPECT_EQ(Judge(nullptr, Method::kGet, false, Timeout()), Verdict::kFinal);
}

TEST(RetryTest, EachConditionCoversWhatItSays) {
  const RetryPolicy reset = On({RetryOn::kReset});
  EXPECT_EQ(Judge(&reset, Method::kGet, false, Reset(ResetReason::kPeerReset)), Verdict::kRetry);
  EXPECT_EQ(Judge(&reset, Method::kGet, false, Reset(ResetReason::kProtocolError)),
            Verdict::kRetry);
  EXPECT_EQ(Judge(&reset, Method::kGet, false, Status(500)), Verdict::kFinal);
  EXPECT_EQ(Judge(&reset, Method::kGet, false, Timeout()), Verdict::kFinal);

  const RetryPolicy timeout = On({RetryOn::kTimeout});
  EXPECT_EQ(Judge(&timeout, Method::kGet, false, Timeout()), Verdict::kRetry);

  const RetryPolicy gateway = On({RetryOn::kGatewayError});
  EXPECT_EQ(Judge(&gateway, Method::kGet, false, Status(502)), Verdict::kRetry);
  EXPECT_EQ(Judge(&gateway, Method::kGet, false, Status(504)), Verdict::kRetry);
  EXPECT_EQ(Judge(&gateway, Method::kGet, false, Status(500)), Verdict::kFinal);

  const RetryPolicy any = On({RetryOn::k5xx});
  EXPECT_EQ(Judge(&any, Method::kGet, false, Status(500)), Verdict::kRetry);
  EXPECT_EQ(Judge(&any, Method::kGet, false, Status(499)), Verdict::kFinal);

  RetryPolicy status;
  status.statuses = {429};
  EXPECT_EQ(Judge(&status, Method::kGet, false, Status(429)), Verdict::kRetry);
  EXPECT_EQ(Judge(&status, Method::kGet, false, Status(428)), Verdict::kFinal);
}

TEST(RetryTest, APostThatReachedAServerIsRepeatedOnlyIfAskedFor) {
  RetryPolicy policy = On({RetryOn::kReset, RetryOn::k5xx, RetryOn::kTimeout});
  const Outcome reached[] = {Reset(ResetReason::kPeerClosed), Reset(ResetReason::kProtocolError),
                             Status(503), Timeout()};
  for (const Outcome& outcome : reached) {
    EXPECT_EQ(Judge(&policy, Method::kPost, false, outcome), Verdict::kFinal);
  }
  EXPECT_EQ(Judge(&policy, Method::kPost, false, Timeout(/*has_sent_bytes=*/false)),
            Verdict::kRetry);
  policy.non_idempotent = true;
  for (const Outcome& outcome : reached) {
    EXPECT_EQ(Judge(&policy, Method::kPost, false, outcome), Verdict::kRetry);
  }
}

TEST(RetryTest, GrpcStatusesThatAreNamedAreRepeatedAlthoughGrpcIsAPost) {
  const RetryPolicy policy = On({RetryOn::kGrpcUnavailable});
  EXPECT_EQ(Judge(&policy, Method::kPost, true, Status(200, 14)), Verdict::kRetry);
  EXPECT_EQ(Judge(&policy, Method::kPost, true, Status(200, 13)), Verdict::kFinal);
  EXPECT_EQ(Judge(&policy, Method::kPost, false, Status(200, 14)), Verdict::kFinal);
}

TEST(RetryTest, OnlyEndpointsThatFailedAreAvoided) {
  EXPECT_TRUE(BlamesEndpoint(Reset(ResetReason::kConnectFailed)));
  EXPECT_TRUE(BlamesEndpoint(Reset(ResetReason::kPeerReset)));
  EXPECT_TRUE(BlamesEndpoint(Status(503)));
  EXPECT_TRUE(BlamesEndpoint(Timeout()));
  for (const ResetReason reason : {ResetReason::kPeerClosed, ResetReason::kPeerRefused}) {
    EXPECT_FALSE(BlamesEndpoint(Reset(reason, true, /*was_reused=*/true)));
    EXPECT_FALSE(BlamesEndpoint(Reset(reason, false, /*was_reused=*/true)));
  }
}

TEST(RetryTest, AnEndpointThatClosesOrRefusesAtOnceIsAvoided) {
  EXPECT_TRUE(BlamesEndpoint(Reset(ResetReason::kPeerClosed, /*has_sent_bytes=*/false)));
  EXPECT_TRUE(BlamesEndpoint(Reset(ResetReason::kPeerRefused)));
}

TEST(RetryPolicyTest, TheBudgetIsAShareOfWhatIsUnderWayAndAtLeastAFew) {
  RetryPolicy policy;
  EXPECT_EQ(policy.Budget(0), 3u);
  EXPECT_EQ(policy.Budget(15), 3u);
  EXPECT_EQ(policy.Budget(100), 20u);
  policy.budget_percent = 100;
  policy.min_retries = 0;
  EXPECT_EQ(policy.Budget(7), 7u);
  EXPECT_EQ(policy.Budget(0), 0u);
}

TEST(RetryPolicyTest, BackOffDoublesUpToItsMaximum) {
  RetryPolicy policy;
  EXPECT_EQ(policy.MaxBackOffNs(1), 25'000'000);
  EXPECT_EQ(policy.MaxBackOffNs(2), 75'000'000);
  EXPECT_EQ(policy.MaxBackOffNs(3), 175'000'000);
  EXPECT_EQ(policy.MaxBackOffNs(4), 250'000'000);
  EXPECT_EQ(policy.MaxBackOffNs(1000), 250'000'000);
}

TEST(GrpcStatusTest, IsANumberOrNone) {
  EXPECT_EQ(ParseGrpcStatus("14"), 14);
  EXPECT_EQ(ParseGrpcStatus("0"), 0);
  EXPECT_EQ(ParseGrpcStatus(""), -1);
  EXPECT_EQ(ParseGrpcStatus("x"), -1);
  EXPECT_EQ(ParseGrpcStatus("-2"), -1);
}

}  // namespace
}  // namespace sluice::exchange
