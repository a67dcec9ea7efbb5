BeforeAll {
    . $PSScriptRoot/Setup.ps1
    $environment = @{ CIFAR10PS_DATA = $env:CIFAR10PS_DATA; XDG_CACHE_HOME = $env:XDG_CACHE_HOME }
    $env:CIFAR10PS_DATA = $null
    $env:XDG_CACHE_HOME = "$TestDrive/cache"
}

AfterAll { foreach ($name in $environment.Keys) { Set-Item Env:$name $environment[$name] } }

Describe 'Get-Cifar10 -Synthetic' {
    It 'gives as many images as requested' {
        $data.Train.Count, $data.Test.Count | Should -Be 64, 32
        (Get-Cifar10 -Synthetic).Train.Count | Should -Be 2000
    }

    It 'gives lists that are indexed and filtered like any other' {
        $data.Test[0..9].Index | Should -Be (0..9)
        $data.Test[-1].Index | Should -Be 31
        ($data.Test | Where-Object LabelName -eq ring).Index | Should -Be 1, 11, 21, 31
        ($data.Test | Select-Object -First 3).Count | Should -Be 3
        ($data.Train | Group-Object LabelName).Count | Should -Be 10
    }

    It 'names the classes in a list that is indexed like any other' {
        $data.Classes[3] | Should -Be 'triangle'
        $data.Classes[-2..-1] | Should -Be 'checkerboard', 'dots'
    }

    It 'refuses <arguments>' -ForEach @(
        @{ arguments = @{ TrainCount = 0 }; id = 'ParameterArgumentValidationError' }
        @{ arguments = @{ TestCount = 10001 }; id = 'ParameterArgumentValidationError' }
        @{ arguments = @{ Path = 'x' }; id = 'AmbiguousParameterSet' }
    ) {
        Get-ErrorId { Get-Cifar10 -Synthetic @arguments } | Should -Be $id
    }
}

Describe 'Get-Cifar10 -Path' {
    BeforeAll {
        # Six files of the right length, all zeros.
        New-Item TestDrive:/data -ItemType Directory
        foreach ($name in (1..5 | ForEach-Object { "data_batch_$_.bin" }) + 'test_batch.bin') {
            $file = [IO.File]::Create("$TestDrive/data/$name")
            $file.SetLength(30730000)
            $file.Dispose()
        }
        $test = "$TestDrive/data/test_batch.bin"
    }

    It 'reads a folder of any drive' {
        $read = Get-Cifar10 TestDrive:/data -TrainCount 10001 -TestCount 5
        $read.Train.Count, $read.Test.Count | Should -Be 10001, 5
        $read.Test[4].LabelName | Should -Be 'airplane'
    }

    It 'refuses a file that is <what>' -ForEach @(
        @{ what = 'missing'; change = { Remove-Item $test }; id = 'BatchFileMissing' }
        @{ what = 'cut off'; change = { [IO.File]::WriteAllBytes($test, [byte[]]::new(30729999)) }; id = 'BatchFileWrongSize' }
        @{ what = 'too long'; change = { [IO.File]::WriteAllBytes($test, [byte[]]::new(30730001)) }; id = 'BatchFileWrongSize' }
        @{
            what = 'damaged'
            change = { $bytes = [byte[]]::new(30730000); $bytes[0] = 200; [IO.File]::WriteAllBytes($test, $bytes) }
            id = 'LabelOutOfRange'
        }
    ) {
        & $change
        Get-ErrorId { Get-Cifar10 TestDrive:/data } | Should -Be $id
    }

    It 'refuses <path>' -ForEach @(
        @{ path = 'nowhere'; id = 'DatasetNotFound' }
        @{ path = 'text.tar.gz'; id = 'CorruptArchive' }
        @{ path = 'Env:PATH'; id = 'NotAFileSystemPath' }
    ) {
        Set-Content TestDrive:/text.tar.gz 'not an archive'
        Push-Location TestDrive:/
        try { Get-ErrorId { Get-Cifar10 $path } | Should -Be $id } finally { Pop-Location }
    }
}

Describe 'Get-Cifar10 by download' {
    It 'says in one error that <uri> gives nothing, and keeps nothing' -ForEach @(
        @{ uri = 'http://127.0.0.1:1/cifar-10-binary.tar.gz'; id = 'DownloadFailed' }
        @{ uri = 'ftp://127.0.0.1/cifar-10-binary.tar.gz'; id = 'InvalidUri' }
    ) {
        Get-ErrorId { Get-Cifar10 -Uri $uri } | Should -Be $id
        Test-Path "$TestDrive/cache/Cifar10Ps/cifar-10-batches-bin" | Should -BeFalse
    }

    It 'downloads nothing with -WhatIf' {
        Get-Cifar10 -Uri http://127.0.0.1:1/cifar-10-binary.tar.gz -WhatIf | Should -BeNullOrEmpty
    }
}

Describe 'The real CIFAR-10' -Skip:(!$env:CIFAR10PS_DATA) {
    It 'has 50,000 and 10,000 images' {
        $env:CIFAR10PS_DATA = $environment.CIFAR10PS_DATA
        try { $cifar = Get-Cifar10 } finally { $env:CIFAR10PS_DATA = $null }

        $cifar.Train.Count, $cifar.Test.Count | Should -Be 50000, 10000
        $cifar.Train[0].LabelName, $cifar.Test[0].LabelName | Should -Be 'frog', 'cat'
        ($cifar.Test | Group-Object Label).Count | Should -Be 10
    }
}
