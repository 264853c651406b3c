#include "proxy/main/view_applier.h"

#include <memory>
#include <utility>

#include "api/resource/endpoint_traits.h"

namespace sluice::main {
namespace {

v1::RegisteredEndpoint ToProto(const sync::RegisteredEndpoint& endpoint) {
  v1::RegisteredEndpoint proto;
  proto.set_upstream(endpoint.upstream);
  proto.set_owner(endpoint.owner);
  proto.set_address(endpoint.address);
  resource::SetTraits(endpoint.traits, proto);
  return proto;
}

}  // namespace

void ViewApplier::Apply(const sync::ViewChange& view, absl::AnyInvocable<void(Result)> done) {
  runtime::Change change;
  change.generation = view.generation.number;
  for (const sync::ViewChange::Upsert& upsert : view.upserts) {
    change.upserts.push_back({upsert.key, upsert.bytes});
  }
  change.removals = view.removals;
  for (const auto& endpoint : view.endpoint_upserts) {
    change.endpoint_upserts.push_back(ToProto(endpoint));
  }
  for (const auto& endpoint : view.endpoint_removals) {
    change.endpoint_removals.push_back(ToProto(endpoint));
  }
  for (const sync::TicketKeys& tickets : view.ticket_upserts) {
    change.ticket_upserts.push_back({tickets.listener, tickets.keys});
  }
  for (const sync::TicketKeys& tickets : view.ticket_removals) {
    change.ticket_removals.push_back(tickets.listener);
  }
  auto shared = std::make_shared<absl::AnyInvocable<void(Result)>>(std::move(done));
  build_.Apply(change, [shared](const Applied& applied) {
    const Outcome outcome = !applied.ok                ? Outcome::kRejected
                            : applied.problems.empty() ? Outcome::kActive
                                                       : Outcome::kDegraded;
    (*shared)({outcome, applied.problems});
  });
}

}  // namespace sluice::main
