// The bounds of each kind's own fields. Only resource.cc calls these.
#pragma once

#include "api/validate/field.h"

namespace google::protobuf {
template <typename Key, typename Value>
class Map;
template <typename Element>
class RepeatedPtrField;
}  // namespace google::protobuf

namespace sluice::v1 {
class Certificate;
class Consumer;
class ConsumerGroup;
class Endpoint;
class GlobalRule;
class HealthCheck;
class Listener;
class OutlierDetection;
class PluginSet;
class Resource;
class Retry;
class Route;
class Service;
class Sticky;
class Upstream;
class WeightedUpstream;
}  // namespace sluice::v1

namespace sluice::validate {

void CheckCertificate(const v1::Certificate& certificate, const Field& field);
void CheckConsumer(const v1::Consumer& consumer, const Field& field);
void CheckConsumerGroup(const v1::ConsumerGroup& group, const Field& field);
void CheckGlobalRule(const v1::GlobalRule& rule, const Field& field);
void CheckListener(const v1::Listener& listener, const Field& field);
void CheckPluginSet(const v1::PluginSet& set, const Field& field);
void CheckRoute(const v1::Resource& resource, const Field& field);
void CheckService(const v1::Service& service, const Field& field);
void CheckStreamRoute(const v1::Resource& resource, const Field& field);
void CheckUpstream(const v1::Upstream& upstream, const Field& field);

// How an Upstream chooses among its endpoints.
void CheckBalancing(const v1::Upstream& upstream, const Field& field);

// What is said of an endpoint beside its address.
void CheckTraits(const v1::Endpoint& endpoint, const Field& field);

// A `subset`, where labels have values, or also those of headers.
enum class SubsetValues { kLiteral, kOrHeaders };
void CheckSubset(const google::protobuf::Map<std::string, std::string>& subset, SubsetValues values,
                 const Field& field);

// Of a Route or an Upstream.
void CheckRetry(const v1::Retry& retry, const Field& field);

// `upstreams` and `sticky` of a Route or a Service, which `field` is. `sticky` is null if not
// given.
void CheckSplit(const google::protobuf::RepeatedPtrField<v1::WeightedUpstream>& upstreams,
                const v1::Sticky* sticky, const Field& field);

void CheckMirrors(const v1::Route& route, const Field& field);

// Of an Upstream.
void CheckHealthChecks(const google::protobuf::RepeatedPtrField<v1::HealthCheck>& checks,
                       const Field& field);
void CheckOutlierDetection(const v1::OutlierDetection& detection, const Field& field);

// Names of groups, or of resources that are referred to: their number, their form, and that none
// stands twice.
void CheckNames(const google::protobuf::RepeatedPtrField<std::string>& names, int most,
                const Field& field, absl::string_view list);

}  // namespace sluice::validate
