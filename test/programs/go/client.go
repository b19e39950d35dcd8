// client URL COUNT: COUNT requests from 32 goroutines, kept alive and closed, each answer checked; prints "COUNT ok".
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

const workers = 32

func one(client *http.Client, url string, n int) error {
	want := strings.Repeat("weir\n", n%2000)
	var request *http.Request
	var err error
	if n%10 == 0 {
		request, err = http.NewRequest("POST", url, bytes.NewBufferString(want))
	} else {
		request, err = http.NewRequest("GET", url+strconv.Itoa(n%2000), nil)
	}
	if err != nil {
		return err
	}
	request.Close = n%7 == 0
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if string(got) != want {
		return fmt.Errorf("request %d: %d bytes came, %d expected", n, len(got), len(want))
	}
	return nil
}

func main() {
	url := os.Args[1]
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	work := make(chan int)
	var group sync.WaitGroup
	for i := 0; i < workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for n := range work {
				if err := one(client, url, n); err != nil {
					log.Fatal(err)
				}
			}
		}()
	}
	for n := 0; n < count; n++ {
		work <- n
	}
	close(work)
	group.Wait()
	fmt.Println(count, "ok")
}
