#include "proxy/sync/messages.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "sluice/v1/config_stream.pb.h"

namespace sluice::sync {
namespace {

constexpr absl::Duration kMinReportInterval = absl::Seconds(1);
constexpr absl::Duration kMaxReportInterval = absl::Seconds(60);
constexpr absl::Duration kMaxBackoff = absl::Minutes(10);

// More would only make the message long: the first ones are read.
constexpr size_t kMaxProblems = 100;

void Fill(const Generation& generation, v1::Generation* proto) {
  proto->set_store_id(generation.store_id);
  proto->set_epoch(generation.epoch);
  proto->set_number(generation.number);
  proto->set_view_hash(generation.view_hash);
}

template <typename Message>
void FillHeld(const std::optional<Generation>& active, const std::optional<Generation>& persisted,
              Message* proto) {
  if (active.has_value()) Fill(*active, proto->mutable_active());
  if (persisted.has_value()) Fill(*persisted, proto->mutable_persisted());
}

template <typename Message>
void FillProblems(const std::vector<resource::Problem>& problems, Message* proto) {
  const size_t count = std::min(problems.size(), kMaxProblems);
  for (size_t i = 0; i < count; ++i) *proto->add_problems() = resource::ToProto(problems[i]);
}

v1::Status::Phase ToProto(PhaseReport::Phase phase) {
  switch (phase) {
    case PhaseReport::Phase::kReceived:
      return v1::Status::RECEIVED;
    case PhaseReport::Phase::kActive:
      return v1::Status::ACTIVE;
    case PhaseReport::Phase::kRejected:
      return v1::Status::REJECTED;
    case PhaseReport::Phase::kDegraded:
      return v1::Status::DEGRADED;
  }
  return v1::Status::PHASE_UNSPECIFIED;
}

absl::Duration FromProto(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

absl::StatusOr<Generation> FromProto(const v1::Generation& proto) {
  if (proto.store_id().size() != kStoreIdBytes || proto.view_hash().size() != kViewHashBytes) {
    return absl::InvalidArgumentError("a generation without a whole store id or view hash");
  }
  return Generation{proto.store_id(), proto.epoch(), proto.number(), proto.view_hash()};
}

absl::StatusOr<ControlMessage> Decode(const v1::Welcome& proto) {
  Welcome welcome;
  welcome.report_interval =
      std::clamp(FromProto(proto.report_interval()), kMinReportInterval, kMaxReportInterval);
  ASSIGN_OR_RETURN(welcome.target, FromProto(proto.target()));
  return ControlMessage(std::move(welcome));
}

absl::StatusOr<ControlMessage> Decode(v1::Update& proto) {
  UpdatePart part;
  if (proto.has_from()) {
    ASSIGN_OR_RETURN(part.from, FromProto(proto.from()));
  }
  if (proto.has_to()) {
    ASSIGN_OR_RETURN(part.to, FromProto(proto.to()));
  }
  part.entries = std::move(*proto.mutable_entries());
  part.is_last = proto.last();
  part.schema = proto.schema();
  if (proto.has_committed_at()) {
    part.committed_at = absl::FromUnixSeconds(proto.committed_at().seconds()) +
                        absl::Nanoseconds(proto.committed_at().nanos());
  }
  return ControlMessage(std::move(part));
}

}  // namespace

std::string EncodeHello(const Identity& identity, const std::optional<Generation>& active,
                        const std::optional<Generation>& persisted) {
  v1::ProxyMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_node(identity.node);
  for (const std::string& group : identity.groups) hello.add_groups(group);
  hello.set_build(identity.build);
  hello.set_schema(identity.schema);
  for (const std::string& plugin : identity.plugins) hello.add_plugins(plugin);
  hello.set_started_at_ns(identity.started_at_ns);
  hello.set_instance(identity.instance);
  FillHeld(active, persisted, &hello);
  return message.SerializeAsString();
}

std::string EncodeStatus(const PhaseReport& report) {
  v1::ProxyMessage message;
  v1::Status& status = *message.mutable_status();
  Fill(report.generation, status.mutable_generation());
  status.set_phase(ToProto(report.phase));
  FillProblems(report.problems, &status);
  const int64_t nanos = absl::ToInt64Nanoseconds(report.took);
  status.mutable_took()->set_seconds(nanos / 1'000'000'000);
  status.mutable_took()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  return message.SerializeAsString();
}

std::string EncodeResync(absl::string_view reason) {
  v1::ProxyMessage message;
  message.mutable_resync()->set_reason(std::string(reason));
  return message.SerializeAsString();
}

std::string EncodeReport(const Figures& figures, const std::optional<Generation>& active,
                         const std::optional<Generation>& persisted) {
  v1::ProxyMessage message;
  v1::Report& report = *message.mutable_report();
  FillHeld(active, persisted, &report);
  report.set_requests(figures.requests);
  report.set_errors(figures.errors);
  report.set_latency_p50(figures.latency_p50);
  report.set_latency_p99(figures.latency_p99);
  report.set_memory_bytes(figures.memory_bytes);
  report.set_connections(figures.connections);
  FillProblems(figures.problems, &report);
  report.set_unhealthy_endpoints(figures.unhealthy_endpoints);
  for (const resource::Problem& problem : figures.unhealthy) {
    *report.add_unhealthy() = resource::ToProto(problem);
  }
  return message.SerializeAsString();
}

std::string EncodeAnswer(const AnswerPart& part) {
  v1::ProxyMessage message;
  v1::Answer& answer = *message.mutable_answer();
  answer.set_id(part.id);
  answer.set_status(part.status);
  answer.set_content_type(part.content_type);
  answer.set_body(part.body.data(), part.body.size());
  answer.set_last(part.is_last);
  return message.SerializeAsString();
}

absl::StatusOr<ControlMessage> DecodeControlMessage(absl::string_view bytes) {
  v1::ControlMessage message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("not a ControlMessage");
  }
  switch (message.message_case()) {
    case v1::ControlMessage::kWelcome:
      return Decode(message.welcome());
    case v1::ControlMessage::kUpdate:
      return Decode(*message.mutable_update());
    case v1::ControlMessage::kQuery:
      return ControlMessage(Query{message.query().id(), message.query().path()});
    case v1::ControlMessage::kBackoff:
      return ControlMessage(Backoff{
          std::clamp(FromProto(message.backoff().retry_after()), absl::ZeroDuration(), kMaxBackoff),
          message.backoff().reason()});
    case v1::ControlMessage::MESSAGE_NOT_SET:
      break;
  }
  return ControlMessage();
}

}  // namespace sluice::sync
