package httpapi

import (
	"userapi/gen/api"
	"userapi/internal/directory"
)

// newPage returns the page that a request asks for, with the contract's defaults.
func newPage(number *api.Page, size *api.PageSize) directory.Page {
	page := directory.Page{Number: 1, Size: 10}
	if number != nil {
		page.Number = int64(*number)
	}
	if size != nil {
		page.Size = int64(*size)
	}
	return page
}

func userList(users []directory.User, total int64) api.UserList {
	list := api.UserList{Users: make([]api.UserInfo, len(users)), Total: total}
	for i, u := range users {
		list.Users[i] = userInfo(u)
	}
	return list
}
