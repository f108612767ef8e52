#include "rpc/auth_api.h"

#include "proto/audit.fields.h"
#include "proto/auth.fields.h"
#include "proto/resource.fields.h"
#include "rpc/method.h"

/* The rows of `service Auth` in proto/auth.proto. */
static const struct rpc_signature calls[AUTH_CALLS] = {
	[AUTH_PING] = { "Ping", RPC_UNARY, &pv_PingRequest_table, &pv_PingResponse_table },
	[AUTH_LOGIN] = { "Login", RPC_UNARY, &pv_LoginRequest_table, &pv_LoginResponse_table },
	[AUTH_GET_INVITE] = { "GetInvite", RPC_UNARY, &pv_GetInviteRequest_table,
	                      &pv_GetInviteResponse_table },
	[AUTH_ACCEPT_INVITE] = { "AcceptInvite", RPC_UNARY, &pv_AcceptInviteRequest_table,
	                         &pv_Empty_table },
	[AUTH_JOIN] = { "Join", RPC_UNARY, &pv_JoinRequest_table, &pv_JoinResponse_table },
	[AUTH_RENEW_HOST] = { "RenewHost", RPC_UNARY, &pv_RenewHostRequest_table,
	                      &pv_JoinResponse_table },
	[AUTH_ANNOUNCE] = { "Announce", RPC_UNARY, &pv_AnnounceRequest_table, &pv_Empty_table },
	[AUTH_WATCH] = { "Watch", RPC_SERVER_STREAM, &pv_WatchRequest_table, &pv_WatchEvent_table },
	[AUTH_EMIT_AUDIT] = { "EmitAudit", RPC_UNARY, &pv_EmitAuditRequest_table, &pv_Empty_table },
	[AUTH_PUT_SESSION] = { "PutSession", RPC_UNARY, &pv_PutSessionRequest_table,
	                       &pv_Empty_table },
	[AUTH_UPLOAD_RECORDING] = { "UploadRecording", RPC_BIDI, &pv_RecordingChunk_table,
	                            &pv_RecordingAck_table },
	[AUTH_GET_RESOURCE] = { "GetResource", RPC_UNARY, &pv_GetResourceRequest_table,
	                        &pv_Resource_table },
	[AUTH_LIST_RESOURCES] = { "ListResources", RPC_UNARY, &pv_ListResourcesRequest_table,
	                          &pv_ListResourcesResponse_table },
	[AUTH_PUT_RESOURCE] = { "PutResource", RPC_UNARY, &pv_PutResourceRequest_table,
	                        &pv_Resource_table },
	[AUTH_DELETE_RESOURCE] = { "DeleteResource", RPC_UNARY, &pv_DeleteResourceRequest_table,
	                           &pv_Empty_table },
	[AUTH_CREATE_USER] = { "CreateUser", RPC_UNARY, &pv_CreateUserRequest_table,
	                       &pv_Invite_table },
	[AUTH_RESET_USER] = { "ResetUser", RPC_UNARY, &pv_ResetUserRequest_table,
	                      &pv_Invite_table },
	[AUTH_UNLOCK_USER] = { "UnlockUser", RPC_UNARY, &pv_UnlockUserRequest_table,
	                       &pv_Empty_table },
	[AUTH_CREATE_TOKEN] = { "CreateToken", RPC_UNARY, &pv_CreateTokenRequest_table,
	                        &pv_CreateTokenResponse_table },
	[AUTH_KILL_SESSION] = { "KillSession", RPC_UNARY, &pv_KillSessionRequest_table,
	                        &pv_Empty_table },
	[AUTH_GET_RECORDING] = { "GetRecording", RPC_SERVER_STREAM, &pv_GetRecordingRequest_table,
	                         &pv_RecordingChunk_table },
	[AUTH_ISSUE_USER_CERTIFICATE] = { "IssueUserCertificate", RPC_UNARY,
	                                  &pv_IssueUserCertificateRequest_table,
	                                  &pv_LoginResponse_table },
	[AUTH_BACKUP] = { "Backup", RPC_SERVER_STREAM, &pv_BackupRequest_table,
	                  &pv_BackupChunk_table },
};

const struct rpc_service *auth_api(void)
{
	static const struct rpc_service service = { "postern.v1.Auth", calls, AUTH_CALLS };

	return &service;
}
