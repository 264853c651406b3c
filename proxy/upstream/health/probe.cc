#include "proxy/upstream/health/probe.h"

#include "proxy/upstream/health/grpc_probe.h"
#include "proxy/upstream/health/http_probe.h"
#include "proxy/upstream/health/tcp_probe.h"

namespace sluice::upstream::health {

std::unique_ptr<Probe> MakeProbe(const Question& question, Pool* pool, Probe::Owner& owner) {
  switch (question.spec.kind) {
    case CheckSpec::Kind::kTcp:
      return std::make_unique<TcpProbe>(question, owner);
    case CheckSpec::Kind::kGrpc:
      return std::make_unique<GrpcProbe>(question, *pool, owner);
    case CheckSpec::Kind::kHttp:
      break;
  }
  return std::make_unique<HttpProbe>(question, *pool, owner);
}

}  // namespace sluice::upstream::health
