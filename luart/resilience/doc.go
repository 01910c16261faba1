// Package resilience is what requests to services that fail go by: which are made again and when
// ([Policy]), how many of all may be ([Budgets]), and who is not asked for a while because it has
// failed too often ([Breakers]). It sends nothing itself.
//
// A VM has one [Guard] for each way of its requests, which stays when scripts are loaded anew: a
// reload is no reason to storm a service that is down.
package resilience
