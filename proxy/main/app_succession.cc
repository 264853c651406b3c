// The part of App that takes over from another process, and hands over to the next.
#include <sys/socket.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "proxy/main/app.h"
#include "proxy/main/service_manager.h"
#include "proxy/main/state_sockets.h"

namespace sluice::main {

absl::Status App::ListenInStateDirectory() {
  if (directory_ == nullptr) return absl::OkStatus();
  const absl::StatusOr<int> actions = directory_->ListenOn(kActionsSocket, SOCK_STREAM);
  const absl::StatusOr<int> successors = directory_->ListenOn(kHandoverSocket, SOCK_SEQPACKET);
  if (!actions.ok() || !successors.ok()) {
    // Not every file system has sockets; that is no reason not to serve.
    LOG(WARNING) << "no control actions, and no process can take over: "
                 << (actions.ok() ? successors : actions).status().message();
    return absl::OkStatus();
  }
  control_ = std::make_unique<server::AdminServer>(io_, actions_,
                                                   server::AdminServer::Access{.is_control = true});
  std::vector<server::Worker*> workers;
  for (const auto& worker : workers_) workers.push_back(worker.get());
  handover_ = std::make_unique<Handover>(
      loop_, net::Fd(*successors),
      Handover::Parts{state_, *directory_, *build_, std::move(workers), *admin_,
                      options_.admin_listen, file_.get(), sync_.client.get(), sync_.keeper.get()},
      [this](int successor) {
        LOG(INFO) << "process " << successor << " has taken over";
        NotifyServiceManager(absl::StrCat("MAINPID=", successor));
        admin_->Close();
        Drain(server::IdleDrain::kKeep);
      });
  RETURN_IF_ERROR(control_->Start(net::Fd(*actions)));
  return handover_->Start();
}

absl::Status App::StartSuccession() {
  Succession::Hooks hooks;
  hooks.on_open = [this](const Applied& applied) { OnApplied(applied); };
  hooks.on_done = [this] { OnSucceeded(); };
  hooks.on_revoked = [this] { OnNotSucceeded("the process before goes on"); };
  return succession_->Start(loop_, *build_, std::move(hooks));
}

void App::OnSucceeded() {
  net::Fd admin = std::move(succession_->inheritance().admin);
  const bool is_inherited = succession_->inheritance().admin_address == options_.admin_listen;
  loop_.DeleteLater(std::move(succession_));
  LOG(INFO) << "has taken over";
  directory_->WriteOwner();
  absl::Status status = ListenInStateDirectory();
  if (status.ok() && is_inherited && admin.is_open()) {
    status = admin_->Start(std::move(admin));
    LOG(INFO) << "admin pages on http://" << admin_->address().ToString();
  }
  if (!status.ok()) {
    LOG(ERROR) << status.message();
  }
  if (sync_.client != nullptr) sync_.client->Resume();
  OnReady();
}

void App::OnNotSucceeded(absl::string_view why) {
  LOG(ERROR) << "not taking over: " << why;
  exit_status_ = 1;
  // What was accepted meanwhile is served to its end.
  Drain(server::IdleDrain::kKeep);
}

void App::OnBooted(bool has_view) {
  if (has_view) return;
  if (succession_ == nullptr) return OnReady();
  if (succession_->inheritance().generation == 0) return succession_->OnNothing();
  OnNotSucceeded("the state directory holds nothing that can be served");
}

void App::OnReady() {
  if (start_.on_ready != nullptr) std::exchange(start_.on_ready, nullptr)();
}

}  // namespace sluice::main
