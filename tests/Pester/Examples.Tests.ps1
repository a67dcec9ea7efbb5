BeforeAll {
    . $PSScriptRoot/Setup.ps1

    # Small arguments for each script.
    $examples = [ordered]@{
        'Train-ResNet20'        = '-Epochs 1 -OutputDirectory result'
        'Compare-Recipes'       = '-Dataset $data -Epochs 1 -Settings @{ one = @{ LearningRate = 0.01 } }'
        'Convert-ChainerToOnnx' = ''
        'Show-Results'          = '-Epochs 1'
        'Start-NightlyTraining' = '-Epochs 1 -Dataset $data -Threshold 0'
        'Train-OwnPictures'     = '-Epochs 1'
    }
    foreach ($name in @($examples.Keys)) {
        if (!(Test-Path $modulePath/Examples/$name.ps1)) { $examples.Remove($name) }
    }

    # Runs all examples in one process, and keeps what each of them printed.
    Set-Content $TestDrive/examples.ps1 @(
        "`$env:CIFAR10PS_DATA = '$TestDrive/nowhere'"
        "`$env:PSModulePath = '$(Split-Path $modulePath)$([IO.Path]::PathSeparator)' + `$env:PSModulePath"
        "`$PSDefaultParameterValues = @{ 'Get-Cifar10:TrainCount' = 64; 'Get-Cifar10:TestCount' = 32
            'Start-ModelTraining:BatchSize' = 32 }"
        "Import-Module Cifar10Ps; `$data = Get-Cifar10 -Synthetic"
        foreach ($example in $examples.GetEnumerator()) {
            "'=== $($example.Key)' | Out-Default"
            "try { & '$modulePath/Examples/$($example.Key).ps1' $($example.Value) } catch { `"FAILED: `$_`" | Out-Default }"
        }
    )
    Push-Location (New-Item $TestDrive/work -ItemType Directory)
    try { $text = pwsh -NoProfile -NonInteractive -File $TestDrive/examples.ps1 2>$null | Out-String } finally { Pop-Location }
    $printed = @{}
    foreach ($part in $text -split '(?m)^=== ' | Select-Object -Skip 1) {
        $name, $rest = $part -split '\r?\n', 2
        $printed[$name] = $rest
    }
}

Describe 'The examples' {
    It 'are all run here' {
        (Get-ChildItem $modulePath/Examples/*.ps1 -Exclude *.Tests.ps1).BaseName | Sort-Object | Should -Be ($examples.Keys | Sort-Object)
    }

    It 'run to their end' {
        foreach ($name in $examples.Keys) {
            $printed[$name] | Should -Not -BeNullOrEmpty -Because $name
            $printed[$name] | Should -Not -Match 'FAILED:' -Because $name
        }
    }

    It 'train with synthetic data where there is no other' {
        $printed['Train-ResNet20'] | Should -Match 'TrainCount[^:]*: [^6]*64'
        $printed['Train-ResNet20'] | Should -Match 'test image 0, which shows: disc'
    }
}

Describe 'The nightly example' {
    BeforeAll {
        $nights = "$TestDrive/nights"
        $null = $data | Start-ModelTraining (New-ResNet20) @quick -OutputDirectory $nights/2020-01-01_000000 | Select-Object -First 1

        Set-Content $TestDrive/nights.ps1 @"
            `$env:PSModulePath = '$(Split-Path $modulePath)$([IO.Path]::PathSeparator)' + `$env:PSModulePath
            `$PSDefaultParameterValues = @{ 'Start-ModelTraining:BatchSize' = 32 }
            Import-Module Cifar10Ps, '$((Get-Module Pester).ModuleBase)/Pester.psd1'
            `$options = @{ Dataset = Get-Cifar10 -Synthetic -TrainCount 64 -TestCount 32; OutputRoot = '$nights'; Epochs = 1 }
            & '$modulePath/Examples/Start-NightlyTraining.ps1' @options -Threshold 1; "exit code `$LASTEXITCODE"
            & '$modulePath/Examples/Start-NightlyTraining.ps1' @options -Threshold 0 -Pester; "exit code `$LASTEXITCODE"
            & '$modulePath/Examples/Start-NightlyTraining.ps1' @options -Threshold 0.99 -Pester; "exit code `$LASTEXITCODE"
            `$other = [IO.File]::Open('$nights/lock', 'Open', 'ReadWrite', 'None')
            & '$modulePath/Examples/Start-NightlyTraining.ps1' @options; "exit code `$LASTEXITCODE"
"@
        $text = pwsh -NoProfile -NonInteractive -File $TestDrive/nights.ps1 | Out-String
        $folders = Get-ChildItem $nights -Directory | Sort-Object Name
    }

    It 'says by its exit code whether the model passed, or the run failed' {
        [regex]::Matches($text, 'exit code (\d)').ForEach{ $_.Groups[1].Value } | Should -Be 3, 0, 3, 1
    }

    It 'goes on with a run that was left, and starts another after one that ended' {
        $folders.Count | Should -Be 3
        Get-Content "$($folders[0])/nightly.log" | Select-Object -First 2 | Should -BeLike '????-??-??T??:??:?? *'
        Get-Content "$($folders[0])/nightly.log" -Raw | Should -Match "(?s)Resuming .*Epoch 2: .*Not good enough"
        Get-Content "$($folders[1])/nightly.log" -Raw | Should -Match "(?s)Starting .*Epoch 1: .*Passed"
    }

    It 'lets the gate leave its report' {
        ([xml] (Get-Content "$($folders[1])/gate.xml" -Raw)).'test-results'.failures | Should -Be 0
        ([xml] (Get-Content "$($folders[2])/gate.xml" -Raw)).'test-results'.failures | Should -Be 2
        $text | Should -Match 'beats 99 %'
    }
}
