// What a plugin's message says about the plugin (option sluice.v1.plugin), brought to its instance.
#pragma once

#include <string>

#include "proxy/plugins/chain.h"

namespace google::protobuf {
class Descriptor;
}  // namespace google::protobuf

namespace sluice::plugins {

// The name that `message`, a plugin's configuration, declares: the key under `plugins:`.
std::string NameOf(const google::protobuf::Descriptor& message);

// `instance` with the name, phase and place that `message`, its configuration's type, declares.
Element MakeElement(const google::protobuf::Descriptor& message, Instance instance);

namespace internal {

template <typename Factory>
struct FirstParameter : FirstParameter<decltype(&Factory::operator())> {};
template <typename R, typename C, typename... A>
struct FirstParameter<R (*)(const C&, A...)> {
  using Type = C;
};
template <typename F, typename R, typename C, typename... A>
struct FirstParameter<R (F::*)(const C&, A...) const> {
  using Type = C;
};

}  // namespace internal

// The message that a factory, a function or a lambda, takes first: the plugin's configuration.
template <typename Factory>
using ConfigOf = typename internal::FirstParameter<Factory>::Type;

}  // namespace sluice::plugins
