package integration_test

import "fmt"

// goneCases are clients that leave.
func goneCases() (cases []*forwardCase) {
	logged := []string{"status", "size", "bytes_read", "resp_headers", "rp_hostport", "rp_port", "rp_retries", "rp_status", "rp_text", "rp_why", "level", "msg"}
	for _, method := range []string{"GET", "POST"} {
		a := clientRequest{method: method, target: "/left"}
		if method == "POST" {
			a.body = "some"
		}
		cases = append(cases,
			&forwardCase{name: "client gone while the head is awaited, " + method, client: func(r *run) {
				s := r.begin(a)
				if a.body != "" {
					s.write(a.body)
				}
				s.finish()
				r.wait("asked")
				s.leave()
				r.wait("gone")
			}, up: func(c *upConn) {
				if c.next() {
					c.reach("asked")
					c.gone()
					c.reach("gone")
				}
			}, want: "closed by the proxy", log: logged},
			&forwardCase{name: "client gone in the middle of the answer, " + method, client: func(r *run) {
				s := r.begin(a)
				if a.body != "" {
					s.write(a.body)
				}
				s.finish()
				if s.headOf() {
					s.read(4)
				}
				s.leave()
				r.wait("gone")
			}, up: func(c *upConn) {
				if c.next() {
					c.say(streamed(), chunks("some"))
					c.gone()
					c.reach("gone")
				}
			}, want: "closed by the proxy", log: logged},
		)
	}
	for _, chunked := range []bool{false, true} {
		cases = append(cases, &forwardCase{name: fmt.Sprintf("client gone in the middle of the upload, chunked %v", chunked), client: func(r *run) {
			s := r.begin(clientRequest{method: "POST", body: "some more", chunked: chunked})
			s.write("some")
			r.wait("some")
			s.leave()
			r.wait("gone")
		}, up: func(c *upConn) {
			if !c.head() {
				return
			}
			if chunked {
				_, _ = c.in.ReadString('\n')
			}
			some, _ := c.in.Peek(4)
			c.note("%q", some)
			c.reach("some")
			_, _ = c.in.Discard(len(some))
			if chunked {
				_, _ = c.in.ReadString('\n')
			}
			c.gone()
			c.reach("gone")
		}, want: "closed by the proxy", log: logged})
	}
	return cases
}
