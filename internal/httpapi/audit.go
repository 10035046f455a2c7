package httpapi

import (
	"context"

	"github.com/oapi-codegen/nullable"

	"userapi/gen/api"
	"userapi/internal/directory"
)

// ListUserEvents implements api.StrictServerInterface.
func (s *Server) ListUserEvents(ctx context.Context, r api.ListUserEventsRequestObject) (api.ListUserEventsResponseObject, error) {
	x := exchangeFrom(ctx)
	page := newPage(r.Params.Page, r.Params.PageSize)
	events, total, err := s.Directory.UserEvents(ctx, x.principal, directory.ParseUserID(r.UserID), page)
	if err != nil {
		return nil, err
	}
	list := api.EventList{Events: make([]api.Event, len(events)), Total: total}
	for i, e := range events {
		list.Events[i] = event(e)
	}
	return api.ListUserEvents200JSONResponse{
		Body:    list,
		Headers: api.ListUserEvents200ResponseHeaders{XRequestID: x.requestID},
	}, nil
}

func event(e directory.Event) api.Event {
	answer := api.Event{
		EventID:      e.ID,
		Time:         timestamp(e.At),
		ActorID:      nullable.NewNullNullable[int32](),
		TokenName:    e.TokenName,
		UserID:       api.UserID(e.TargetID),
		EnterpriseID: e.EnterpriseID,
		Operation:    string(e.Operation),
		Fields:       make([]string, len(e.Fields)),
		RequestID:    nullable.NewNullNullable[string](),
	}
	for i, field := range e.Fields {
		answer.Fields[i] = string(field)
	}
	if e.ActorID != 0 {
		answer.ActorID.Set(int32(e.ActorID))
	}
	if e.RequestID != "" {
		answer.RequestID.Set(e.RequestID)
	}
	return answer
}
