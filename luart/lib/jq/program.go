package jq

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/itchyny/gojq"

	"github.com/caddy-rover/rover/luart/lib/re"
)

// program is a program that has been read.
type program struct {
	of        *state
	query     *gojq.Query
	variables []string // with $
	max       int
	idle      chan *compiled
}

// maxUses is how often code is used: gojq keeps what it has ever been asked to search with.
const maxUses = 1000

// compiled is a program for one run at a time: its guards charge the account of that run.
type compiled struct {
	code    *gojq.Code
	account account
	max     int
	uses    int

	ctx         context.Context // of the run
	expressions map[string]*re.Expr
	steps       int // of expressions
}

// read reads a program, and puts guards into it.
func (p *program) read(text string) (err error) {
	if p.query, err = gojq.Parse(text); err != nil {
		return err
	}
	if err = rewrite(p.query); err != nil {
		return err
	}
	p.query.FuncDefs = append(slices.Clone(searches), p.query.FuncDefs...)
	return nil
}

func (p *program) compile() (c *compiled, err error) {
	c = &compiled{max: p.max, ctx: context.Background()}
	c.code, err = gojq.Compile(p.query, append(c.guards(), gojq.WithVariables(p.variables))...)
	return c, err
}

// results runs a program, and returns its results as JSON, up to limit of them. More than MaxResults
// are an error.
func (p *program) results(ctx context.Context, v any, values []any, limit int) (texts [][]byte, err error) {
	var c *compiled
	select {
	case c = <-p.idle:
	default:
		if c, err = p.compile(); err != nil {
			return nil, err
		}
	}
	defer func() {
		if c.uses++; c.uses < maxUses {
			select {
			case p.idle <- c:
			default:
			}
		}
	}()
	c.ctx = ctx
	c.account.begin()
	size := 0
	for results := c.code.RunWithContext(stepping{ctx, &c.account}, v, values...); ; {
		v, ok := next(results)
		switch err, failed := v.(error); {
		case failed:
			return nil, message(err)
		case !ok:
			return texts, nil
		case len(texts) >= MaxResults:
			return nil, fmt.Errorf("more than %d results", MaxResults)
		}
		if err := c.tree(v); err != nil {
			return nil, fmt.Errorf("results: %w", err)
		}
		text, err := gojq.Marshal(v)
		if err != nil {
			return nil, err
		}
		if size += len(text); size > MaxText {
			return nil, errors.New("results of more than 16 MiB")
		}
		if texts = append(texts, text); limit == 1 {
			return texts, nil
		}
	}
}

// next is the next result. A panic is one of the library's, about a program or data that it does not
// understand.
func next(results gojq.Iter) (v any, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			v, ok = fmt.Errorf("%v", p), true
		}
	}()
	return results.Next()
}

// message is what an error says. halt is no way to end quietly.
func message(err error) error {
	var halt *gojq.HaltError
	if errors.As(err, &halt) {
		return errors.New("the program has called halt")
	}
	return err
}
