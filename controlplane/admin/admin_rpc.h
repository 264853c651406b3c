// v1::Admin over gRPC.
#pragma once

#include <memory>

#include "base/clock.h"
#include "controlplane/admin/admin_service.h"
#include "controlplane/loop/loop.h"
#include "sluice/v1/admin.grpc.pb.h"

namespace sluice::admin {

// Handlers hand over to two threads, one for what changes and one for what reads, and never block
// those of gRPC: a commit waits for the disk, and nobody who reads waits for a commit.
//
// Lifetime: `service` and `clock` outlive it. It outlives the grpc::Server, whose Shutdown() ends
//   every call.
class AdminRpc final : public v1::Admin::CallbackService {
 public:
  AdminRpc(AdminService& service, const Clock& clock)
      : service_(service), changes_(clock), reads_(clock) {}

  grpc::ServerReadReactor<v1::ApplyRequest>* Apply(grpc::CallbackServerContext* context,
                                                   v1::ApplyResponse* response) override;
  grpc::ServerWriteReactor<v1::ListResponse>* List(grpc::CallbackServerContext* context,
                                                   const v1::ListRequest* request) override;
  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const v1::GetRequest* request,
                                v1::GetResponse* response) override;
  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const v1::DeleteRequest* request,
                                   v1::ApplyResponse* response) override;
  grpc::ServerWriteReactor<v1::Change>* Diff(grpc::CallbackServerContext* context,
                                             const v1::DiffRequest* request) override;
  grpc::ServerWriteReactor<v1::Commit>* History(grpc::CallbackServerContext* context,
                                                const v1::HistoryRequest* request) override;
  grpc::ServerUnaryReactor* Rollback(grpc::CallbackServerContext* context,
                                     const v1::RollbackRequest* request,
                                     v1::ApplyResponse* response) override;
  grpc::ServerWriteReactor<v1::Event>* Watch(grpc::CallbackServerContext* context,
                                             const v1::WatchRequest* request) override;
  grpc::ServerUnaryReactor* GetVersion(grpc::CallbackServerContext* context,
                                       const v1::GetVersionRequest* request,
                                       v1::GetVersionResponse* response) override;

 private:
  AdminService& service_;
  loop::Loop changes_;
  loop::Loop reads_;
};

}  // namespace sluice::admin
