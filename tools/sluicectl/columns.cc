#include "tools/sluicectl/columns.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api/resource/rules.h"
#include "api/x509/certificate.h"
#include "google/protobuf/descriptor.h"
#include "tools/sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

using resource::Kind;

template <typename List>
std::string Words(const List& list, absl::string_view if_empty = "") {
  if (list.empty()) return std::string(if_empty);
  return ShortList({list.begin(), list.end()});
}

template <typename Map>
std::string Keys(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return ShortList(keys, 4);
}

std::string UpstreamNames(
    const google::protobuf::RepeatedPtrField<v1::WeightedUpstream>& upstreams) {
  std::vector<std::string> names;
  for (const v1::WeightedUpstream& each : upstreams) {
    if (std::find(names.begin(), names.end(), each.upstream()) == names.end()) {
      names.push_back(each.upstream());
    }
  }
  return ShortList(names);
}

std::string Target(const v1::Route& route) {
  if (!route.upstream().empty()) return "Upstream/" + route.upstream();
  if (!route.service().empty()) return "Service/" + route.service();
  if (route.upstreams_size() > 0) return "Upstream/" + UpstreamNames(route.upstreams());
  return "";
}

std::string Addresses(const v1::Upstream& upstream) {
  std::vector<std::string> addresses;
  for (const v1::Endpoint& endpoint : upstream.endpoints()) {
    addresses.push_back(endpoint.address());
  }
  return ShortList(addresses);
}

std::vector<std::string> CertificateCells(const v1::Certificate& certificate) {
  const auto chain = x509::ParseCertificates(certificate.certificate_chain());
  if (!chain.ok()) return {"", "", ""};
  const x509::Certificate& own = chain->front();
  const bool is_rsa = own.key.type == x509::KeyType::kRsa;
  return {ShortList(own.dns_names),
          absl::FormatTime("%Y-%m-%d", own.not_after, absl::UTCTimeZone()),
          is_rsa ? absl::StrCat("RSA-", own.key.bits) : "ECDSA"};
}

std::string Policy(const v1::Upstream& upstream) {
  const std::string text = resource::EnumText(*v1::Upstream::Policy_descriptor()->FindValueByNumber(
      v1::Upstream::Policy_IsValid(upstream.policy()) ? upstream.policy() : 0));
  return text.empty() ? "round_robin" : text;
}

// "https" for HTTP within TLS, "tls" for anything else within it.
std::string Protocol(const v1::Listener& listener) {
  switch (listener.protocol()) {
    case v1::Listener::PROTOCOL_TCP:
      return listener.has_tls() ? "tls" : "tcp";
    case v1::Listener::PROTOCOL_TLS_PASSTHROUGH:
      return "tls_passthrough";
    default:
      return listener.has_tls() ? "https" : "http";
  }
}

std::vector<std::string> OwnTitles(Kind kind) {
  switch (kind) {
    case Kind::kCertificate:
      return {"NAMES", "EXPIRES", "KEY"};
    case Kind::kConsumer:
      return {"GROUP", "KEYS", "PLUGINS"};
    case Kind::kConsumerGroup:
    case Kind::kPluginSet:
      return {"PLUGINS"};
    case Kind::kGlobalRule:
      return {"LISTENERS", "GROUPS", "PLUGINS"};
    case Kind::kListener:
      return {"ADDRESS", "PROTOCOL", "GROUPS"};
    case Kind::kRoute:
      return {"HOSTS", "PATHS", "TARGET", "GROUPS", "PLUGINS"};
    case Kind::kService:
      return {"UPSTREAM", "PLUGINS"};
    case Kind::kStreamRoute:
      return {"LISTENERS", "SERVER NAMES", "UPSTREAM", "GROUPS"};
    case Kind::kUpstream:
      return {"POLICY", "ENDPOINTS"};
    case Kind::kNone:
      return {"KIND"};
  }
  return {};
}

std::vector<std::string> OwnCells(Kind kind, const v1::Resource& resource) {
  switch (kind) {
    case Kind::kCertificate:
      return CertificateCells(resource.certificate());
    case Kind::kConsumer:
      return {resource.consumer().consumer_group(),
              absl::StrCat(resource.consumer().credentials().key_auth_size()),
              Keys(resource.consumer().plugins())};
    case Kind::kConsumerGroup:
      return {Keys(resource.consumer_group().plugins())};
    case Kind::kPluginSet:
      return {Keys(resource.plugin_set().plugins())};
    case Kind::kGlobalRule:
      return {Words(resource.global_rule().listeners(), "*"),
              Words(resource.global_rule().groups(), "*"), Keys(resource.global_rule().plugins())};
    case Kind::kListener:
      return {resource.listener().address(), Protocol(resource.listener()),
              Words(resource.listener().groups(), "*")};
    case Kind::kRoute:
      return {Words(resource.route().hosts(), "*"), Words(resource.route().paths(), "/*"),
              Target(resource.route()), Words(resource.route().groups(), "*"),
              Keys(resource.route().plugins())};
    case Kind::kService:
      return {resource.service().upstreams_size() > 0
                  ? UpstreamNames(resource.service().upstreams())
                  : resource.service().upstream(),
              Keys(resource.service().plugins())};
    case Kind::kStreamRoute:
      return {Words(resource.stream_route().listeners(), "*"),
              Words(resource.stream_route().server_names(), "*"),
              resource.stream_route().upstream(), Words(resource.stream_route().groups(), "*")};
    case Kind::kUpstream:
      return {Policy(resource.upstream()), Addresses(resource.upstream())};
    case Kind::kNone:
      return {std::string(resource::KindName(resource::KindOf(resource)))};
  }
  return {};
}

}  // namespace

std::string LabelsCell(const google::protobuf::Map<std::string, std::string>& map) {
  std::vector<std::string> labels;
  for (const auto& [key, value] : map) labels.push_back(absl::StrCat(key, "=", value));
  std::sort(labels.begin(), labels.end());
  return ShortList(labels);
}

std::vector<std::string> TitlesOf(Kind kind) {
  std::vector<std::string> titles = {"NAME"};
  for (std::string& title : OwnTitles(kind)) titles.push_back(std::move(title));
  titles.push_back("LABELS");
  return titles;
}

std::vector<std::string> CellsOf(Kind kind, const v1::Resource& resource) {
  std::vector<std::string> cells = {resource.name()};
  for (std::string& cell : OwnCells(kind, resource)) cells.push_back(std::move(cell));
  cells.push_back(LabelsCell(resource.labels()));
  return cells;
}

}  // namespace sluice::sluicectl
